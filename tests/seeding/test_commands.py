"""What `plimsoll admin create | reset-password | check` call: one more admin, a new password, a look at all."""

import asyncio
from typing import Literal

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from plimsoll.seeding import AdminError, PasswordHasher
from plimsoll.seeding.strength import DEFAULT_PASSWORDS
from tests.seeding.accounts import (
    EMAIL,
    GOOD_PASSWORD,
    OTHER_GOOD_PASSWORD,
    Account,
    FastArgon2,
    add_account,
    admin_account,
)

OTHER_EMAIL = "mate@harbour.example"


async def hash_of(engine: AsyncEngine, email: str) -> str:
    async with engine.connect() as connection:
        found = await connection.execute(select(Account.password_hash).where(Account.email == email))
        return str(found.scalar_one())


async def roles(engine: AsyncEngine) -> dict[str, str]:
    async with engine.connect() as connection:
        found = await connection.execute(select(Account.email, Account.role))
        return {row[0]: row[1] for row in found}


# create


async def test_create_adds_a_further_admin(engine: AsyncEngine) -> None:
    """A second admin can be made beside the first, its e-mail in the application's form."""
    account = admin_account()
    await account.seed(engine, production=True)
    await account.create(engine, email="Mate@harbour.example", name="Mate", password=OTHER_GOOD_PASSWORD)
    assert await roles(engine) == {EMAIL: "admin", OTHER_EMAIL: "admin"}
    assert await account.hasher.verify(await hash_of(engine, OTHER_EMAIL), OTHER_GOOD_PASSWORD)


@pytest.mark.parametrize("password", ["", "admin", "k7#Qz!m2", "mate@harbour.example", "Dragon-2026-05!"])
async def test_create_refuses_a_weak_password(engine: AsyncEngine, password: str) -> None:
    """Also in development: whoever types a password can type a good one."""
    with pytest.raises(AdminError):
        await admin_account().create(engine, email=OTHER_EMAIL, name="Mate", password=password)
    assert await roles(engine) == {}


async def test_create_refuses_a_taken_email(engine: AsyncEngine) -> None:
    """An account that has the e-mail is neither changed nor made an admin."""
    await add_account(engine, OTHER_EMAIL, role="user")
    with pytest.raises(AdminError, match=f"{OTHER_EMAIL} exists already"):
        await admin_account().create(engine, email=OTHER_EMAIL, name="M", password=GOOD_PASSWORD)
    assert await roles(engine) == {OTHER_EMAIL: "user"}


async def test_create_without_tables_says_so(empty_engine: AsyncEngine) -> None:
    """A database's refusal is one plain sentence without parameters, and its chain is not printed."""
    with pytest.raises(AdminError, match="the table of accounts is missing") as raised:
        await admin_account().create(empty_engine, email=EMAIL, name="M", password=GOOD_PASSWORD)
    assert raised.value.__suppress_context__
    assert "plimsoll migrate" in str(raised.value)
    assert "argon2" not in str(raised.value)


# reset-password


async def test_reset_gives_a_new_password_to_one_admin(engine: AsyncEngine) -> None:
    """The new password works, the old one does not, and the other admin keeps theirs."""
    await add_account(engine, EMAIL)
    await add_account(engine, OTHER_EMAIL)
    account = admin_account()
    await account.reset_password(engine, email=EMAIL.upper(), password=OTHER_GOOD_PASSWORD)
    stored = await hash_of(engine, EMAIL)
    assert await account.hasher.verify(stored, OTHER_GOOD_PASSWORD)
    assert not await account.hasher.verify(stored, GOOD_PASSWORD)
    assert await account.hasher.verify(await hash_of(engine, OTHER_EMAIL), GOOD_PASSWORD)


async def test_reset_refuses_a_weak_password(engine: AsyncEngine) -> None:
    """A reset cannot make things worse."""
    await add_account(engine, EMAIL)
    before = await hash_of(engine, EMAIL)
    with pytest.raises(AdminError, match="well-known default"):
        await admin_account().reset_password(engine, email=EMAIL, password="changeme")
    assert await hash_of(engine, EMAIL) == before


async def test_reset_knows_admins_only(engine: AsyncEngine) -> None:
    """An e-mail that nobody has, or that is no admin's, is refused."""
    await add_account(engine, OTHER_EMAIL, role="user")
    before = await hash_of(engine, OTHER_EMAIL)
    for email in (EMAIL, OTHER_EMAIL):
        with pytest.raises(AdminError, match=f"no admin with the e-mail {email}"):
            await admin_account().reset_password(engine, email=email, password=OTHER_GOOD_PASSWORD)
    assert await hash_of(engine, OTHER_EMAIL) == before


# check


async def test_check_is_content_with_a_good_admin(engine: AsyncEngine) -> None:
    """One admin with a good password, also when it is still the one in the settings: nothing to report."""
    await admin_account().seed(engine, production=True)
    report = await admin_account().check(engine, production=True)
    assert (report.ok, report.admins, report.findings, report.notes) == (True, 1, (), ())


@pytest.mark.parametrize("production", [True, False])
async def test_check_finds_that_there_is_no_admin(engine: AsyncEngine, production: bool) -> None:
    """No admin is a finding anywhere; why seeding would make none is said with it."""
    await add_account(engine, OTHER_EMAIL, role="user")
    report = await admin_account("k7#Qz!m2").check(engine, production=production)
    assert (report.ok, report.admins) == (False, 0)
    [finding] = report.findings
    assert "no admin account" in finding.message
    assert "has 8 characters" in finding.message
    assert "plimsoll admin create" in finding.fix


@pytest.mark.parametrize("password", ["admin123", "changeme", "Admin@123", EMAIL, "chief"])
async def test_check_finds_a_password_that_anyone_guesses(engine: AsyncEngine, password: str) -> None:
    """A stored hash of a default or of the own e-mail is found, and named by account and not by password."""
    await add_account(engine, EMAIL, password=password)
    report = await admin_account(None).check(engine, production=True)
    [finding] = report.findings
    assert f"The admin {EMAIL} has a password" in finding.message
    assert finding.fix == f"Run `plimsoll admin reset-password --email {EMAIL}`."
    assert (report.ok, report.notes) == (False, ())


async def test_check_finds_a_weak_password_still_in_use(engine: AsyncEngine) -> None:
    """A weak ADMIN_PASSWORD that an admin has is a finding in production and a note in development."""
    await add_account(engine, EMAIL, password="k7#Qz!m2")
    account = admin_account("k7#Qz!m2")
    in_production = await account.check(engine, production=True)
    assert [EMAIL in finding.message for finding in in_production.findings] == [True]
    in_development = await account.check(engine, production=False)
    assert in_development.ok
    assert [EMAIL in note for note in in_development.notes] == [True]
    assert "k7#Qz!m2" not in repr((in_production, in_development))


async def test_check_only_notes_a_weak_setting_that_nobody_uses(engine: AsyncEngine) -> None:
    """The admin has changed the password: the setting that remains is worth a word and no more."""
    await add_account(engine, EMAIL)
    report = await admin_account("k7#Qz!m2").check(engine, production=True)
    assert report.ok
    assert len(report.notes) == 1
    assert "no admin uses it" in report.notes[0]


async def test_check_is_bounded_and_says_so(engine: AsyncEngine) -> None:
    """Of many admins all are counted and a few are tried."""
    for number in range(7):
        await add_account(engine, f"admin{number}@harbour.example")
    report = await admin_account(None).check(engine, production=True)
    assert (report.ok, report.admins) == (True, 7)
    assert report.notes == ("The passwords of 5 of 7 admins were tried.",)


async def test_check_tries_the_likeliest_passwords_of_all_before_the_unlikely_of_one(engine: AsyncEngine) -> None:
    """At the end of the time each admin was asked the same, and the report says how many tries there were."""
    tried: list[str] = []
    ends = asyncio.Event()

    class Slow(PasswordHasher):
        async def verify(self, stored_hash: str | None, password: str) -> bool:
            if len(tried) == 5:
                await ends.wait()
            tried.append(password)
            return await super().verify(stored_hash, password)

    for email in (EMAIL, OTHER_EMAIL):
        await add_account(engine, email)
    account = admin_account("k7#Qz!m2", hasher=Slow(argon2id=FastArgon2()))
    report = await account.check(engine, production=True, limit_s=1.0)
    assert tried == ["k7#Qz!m2"] * 2 + [DEFAULT_PASSWORDS[0]] * 2 + [DEFAULT_PASSWORDS[1]]
    assert (report.tries, report.tries_meant, report.accounts_tried) == (5, 22, 2)
    assert "Of 22 tries of likely passwords there was time for 5." in report.notes
    assert report.findings == ()


async def test_check_holds_no_connection_while_it_hashes(engine: AsyncEngine) -> None:
    """The tries take seconds; the connection is back in the pool before the first."""
    held: list[int] = []

    class Watching(FastArgon2):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
            held.append(engine.pool.checkedout())  # type: ignore[attr-defined]
            return super().verify(hash, password)

    await add_account(engine, EMAIL)
    await admin_account(hasher=PasswordHasher(argon2id=Watching())).check(engine, production=True)
    assert held
    assert set(held) == {0}


async def test_check_reports_an_unreadable_database(empty_engine: AsyncEngine) -> None:
    """Without the table the check ends with a finding and not with a traceback."""
    report = await admin_account().check(empty_engine, production=True)
    [finding] = report.findings
    assert "the table of accounts is missing" in finding.message
    assert "plimsoll migrate" in finding.fix
