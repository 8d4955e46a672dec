"""Seeding at start: one admin where there was none, never a change, never a refusal to start."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncEngine

from plimsoll.seeding import AdminAccount, AdminError, AdminSettings, PasswordHasher, SeedReport
from plimsoll.server import exclusive
from tests.seeding.accounts import (
    EMAIL,
    GOOD_PASSWORD,
    OTHER_GOOD_PASSWORD,
    Account,
    FastArgon2,
    add_account,
    admin_account,
    engine_for,
    rows,
)
from tests.servers import TestDatabase, free_port


async def only_hash(engine: AsyncEngine) -> str:
    async with engine.connect() as connection:
        return str((await connection.execute(select(Account.password_hash))).scalar_one())


@contextmanager
def statements(engine: AsyncEngine) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine.sync_engine, "before_cursor_execute", note)


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def assert_one_plain_error(report: SeedReport, caplog: pytest.LogCaptureFixture) -> None:
    """The failure is logged once, with its cause and its fix, without traceback, password or hash."""
    assert (report.outcome, report.ok) == ("failed", False)
    assert errors(caplog) == [f"{report.message} {report.fix}"]
    assert report.fix
    everything = caplog.text + repr(report)
    assert GOOD_PASSWORD not in everything
    assert "argon2" not in everything
    assert "Traceback" not in everything


# The ordinary ways.


async def test_an_empty_table_gets_its_admin(engine: AsyncEngine) -> None:
    """The settings' name, e-mail and password and the application's own values make the account."""
    account = admin_account(email="Chief@Harbour.example")
    report = await account.seed(engine, production=True)
    assert (report.outcome, report.ok) == ("created", True)
    [row] = await rows(engine)
    assert row[1:3] == (EMAIL, "Harbour Master")
    assert row[4:] == ("admin", True)
    assert await account.hasher.verify(await only_hash(engine), GOOD_PASSWORD)


async def test_an_existing_admin_is_never_changed(engine: AsyncEngine) -> None:
    """Other settings at a later start change nothing, and cost one statement."""
    await admin_account().seed(engine, production=True)
    before = await rows(engine)
    with statements(engine) as seen:
        report = await admin_account(OTHER_GOOD_PASSWORD, email="new@harbour.example").seed(engine, production=True)
    assert report.outcome == "exists"
    assert await rows(engine) == before
    assert [statement.split()[0] for statement in seen] == ["SELECT"]


async def test_an_admin_with_another_email_counts(engine: AsyncEngine) -> None:
    """Whoever the application calls an admin is one; the e-mail in the settings does not matter then."""
    await add_account(engine, "someone@else.example")
    assert (await admin_account(None).seed(engine, production=True)).outcome == "exists"
    assert len(await rows(engine)) == 1


# Passwords.


@pytest.mark.parametrize("password", [None, "  ", "admin123", "k7#Qz!m2", "Dragon-2026-05!", "x" * 1025])
async def test_production_refuses_a_bad_password(
    engine: AsyncEngine, password: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is inserted; the log says once why and what to do, without the password."""
    report = await admin_account(password).seed(engine, production=True)
    assert (report.outcome, report.ok) == ("refused", False)
    assert await rows(engine) == []
    assert errors(caplog) == [f"{report.message} {report.fix}"]
    assert "ADMIN_PASSWORD" in report.message
    assert not (password and password.strip()) or password not in caplog.text


async def test_development_makes_a_password_up_and_prints_it_once(
    engine: AsyncEngine, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The printed password is the account's; it is in no log, and the second start does not print it."""
    caplog.set_level(logging.DEBUG, "plimsoll")
    account = admin_account(None)
    assert (await account.seed(engine, production=False)).outcome == "created"
    printed = capsys.readouterr().out
    [password] = [line.split()[-1] for line in printed.splitlines() if "password:" in line]
    assert EMAIL in printed
    assert await account.hasher.verify(await only_hash(engine), password)
    assert (await account.seed(engine, production=False)).outcome == "exists"
    assert password not in capsys.readouterr().out + caplog.text


async def test_development_recalls_whom_to_log_in_as(engine: AsyncEngine, capsys: pytest.CaptureFixture[str]) -> None:
    """Each start that finds the configured admin prints one line, in development only."""
    await add_account(engine, EMAIL)
    await admin_account(None, email=EMAIL.upper()).seed(engine, production=False)
    line = f"[admin] Log in as {EMAIL}; lost the password? `plimsoll admin reset-password --email {EMAIL}`\n"
    assert capsys.readouterr().out == line
    await admin_account(None).seed(engine, production=True)
    assert capsys.readouterr().out == ""


async def test_nobody_is_recalled_who_is_no_admin(engine: AsyncEngine, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the admin has another e-mail, neither it nor the configured one is printed."""
    await add_account(engine, "someone@else.example")
    await add_account(engine, EMAIL, role="user")
    assert (await admin_account(None).seed(engine, production=False)).outcome == "exists"
    assert capsys.readouterr().out == ""


async def test_development_accepts_a_weak_password_with_a_warning(
    engine: AsyncEngine, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A developer's short password works, and one warning says that production would refuse it."""
    account = admin_account("tide")
    assert (await account.seed(engine, production=False)).outcome == "created"
    assert await account.hasher.verify(await only_hash(engine), "tide")
    [warning] = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "not in production" in warning
    assert "tide" not in warning
    assert capsys.readouterr().out == ""


def test_a_weak_password_is_no_error_of_the_settings() -> None:
    """The service loads its settings whatever the password is; nothing that shows them shows it."""
    settings = AdminSettings.from_env({"ADMIN_PASSWORD": "tide", "ADMIN_EMAIL": EMAIL}, env_file=None)
    assert settings.admin_password is not None
    assert settings.admin_password.get_secret_value() == "tide"
    assert (settings.admin_name, settings.admin_email) == ("Administrator", EMAIL)
    assert "tide" not in repr(settings) + repr(settings.rows()) + repr(admin_account("tide"))


def test_an_attribute_that_the_model_lacks_is_named_at_once() -> None:
    """A wrong name is an error where the application describes its admins, not at the first start."""
    with pytest.raises(AdminError, match=r"rank.*Account"):
        AdminAccount(
            model=Account,
            settings=AdminSettings(),
            name="full_name",
            is_admin=Account.role == "admin",
            new={"rank": "admin"},
        )


# Failures: each is reported with its cause, none stops the start.


async def test_a_missing_table(empty_engine: AsyncEngine, caplog: pytest.LogCaptureFixture) -> None:
    """Without the table the cause is said in plain words, with the command that makes it."""
    report = await admin_account().seed(empty_engine, production=True)
    assert_one_plain_error(report, caplog)
    assert "the table of accounts is missing" in report.message
    assert "plimsoll migrate" in report.fix


async def test_the_email_belongs_to_someone_else(engine: AsyncEngine, caplog: pytest.LogCaptureFixture) -> None:
    """An account that is no admin but has the e-mail is left alone and named as the cause."""
    await add_account(engine, EMAIL, role="user")
    before = await rows(engine)
    report = await admin_account().seed(engine, production=True)
    assert_one_plain_error(report, caplog)
    assert f"{EMAIL} exists and is no admin" in report.message
    assert await rows(engine) == before


@pytest.fixture
async def read_only_engine(any_database: TestDatabase, engine: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    """An engine on the same database, which refuses to write."""
    await engine.dispose()
    read_only = engine_for(any_database.url)
    if any_database.kind == "sqlite":

        @event.listens_for(read_only.sync_engine, "connect")
        def refuse_writes(connection: object, _record: object) -> None:
            cursor = connection.cursor()  # type: ignore[attr-defined]
            cursor.execute("PRAGMA query_only = ON")
            cursor.close()

    elif any_database.kind == "postgres":
        any_database.sql(f'ALTER DATABASE "{any_database.name}" SET default_transaction_read_only = on')
    else:
        any_database.server.set_global("read_only", 1)  # type: ignore[union-attr]
    yield read_only
    await read_only.dispose()
    if any_database.kind == "mariadb":
        any_database.server.set_global("read_only", 0)  # type: ignore[union-attr]


async def test_a_read_only_database(read_only_engine: AsyncEngine, caplog: pytest.LogCaptureFixture) -> None:
    """A replica, or a file that may not be written, is named as such."""
    report = await admin_account().seed(read_only_engine, production=True)
    assert_one_plain_error(report, caplog)
    assert "the database is read-only" in report.message
    assert "primary" in report.fix


async def test_a_row_that_the_table_refuses(any_database: TestDatabase, caplog: pytest.LogCaptureFixture) -> None:
    """A column without a value is named. psycopg's message quotes the whole row, hash included: ours does not."""
    key = {"sqlite": "integer primary key", "mariadb": "int primary key auto_increment"}
    any_database.sql(
        f"CREATE TABLE accounts (id {key.get(any_database.kind, 'serial primary key')}, "
        "email varchar(254), display_name varchar(120), password_hash varchar(255), role varchar(16), "
        "is_active boolean, tenant integer NOT NULL)"
    )
    if any_database.kind == "postgres":
        any_database.sql(f'ALTER TABLE accounts OWNER TO "{any_database.user}"')
    engine = engine_for(any_database.url_for("psycopg" if any_database.kind == "postgres" else None))
    report = await admin_account().seed(engine, production=True)
    await engine.dispose()
    assert_one_plain_error(report, caplog)
    assert "***" not in report.message  # the row was left out, and not only made unreadable
    assert "tenant" in report.message
    assert "new={...}" in report.fix


async def test_a_password_in_an_error_is_cut_out(engine: AsyncEngine, caplog: pytest.LogCaptureFixture) -> None:
    """An error that quotes the password, such as a validator's, is reported without it."""

    class Talkative(FastArgon2):
        def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
            raise ValueError(f"cannot hash {password!r} into {super().hash(password)}, sorry")

    report = await admin_account(hasher=PasswordHasher(argon2id=Talkative())).seed(engine, production=True)
    assert report.outcome == "failed"
    assert "ValueError: cannot hash '***' into ***" in report.message
    assert GOOD_PASSWORD not in caplog.text
    assert "$argon2" not in caplog.text


async def test_another_process_holds_the_lock(
    any_database: TestDatabase, engine: AsyncEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """The wait for a process that hangs ends, and the failure says what held it up."""
    other = engine_for(any_database.url)
    async with exclusive(other, "seed", wait_s=5), asyncio.timeout(15):
        report = await admin_account().seed(engine, production=True, wait_s=0.3)
    await other.dispose()
    assert_one_plain_error(report, caplog)
    assert "another process held the lock" in report.message
    assert await rows(engine) == []


async def test_no_database_at_all(server_database: TestDatabase, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing listens at the port: the start goes on, the log says that the database cannot be reached."""
    engine = engine_for(server_database.url_for(port=free_port()))
    report = await admin_account().seed(engine, production=True)
    await engine.dispose()
    assert_one_plain_error(report, caplog)
    assert "cannot be reached" in report.message
    assert server_database.password is not None
    assert server_database.password not in caplog.text
