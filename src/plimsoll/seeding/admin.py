"""The administrator's account: described by the application, made at start or by command."""

import logging
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import SecretStr
from sqlalchemy import ColumnElement, Select, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from plimsoll.errors import PlimsollError
from plimsoll.seeding.causes import explain
from plimsoll.seeding.inspection import MAX_TRIED_ADMINS, inspect_admins
from plimsoll.seeding.passwords import PasswordHasher
from plimsoll.seeding.reports import AdminCheck, AdminError, SeedReport
from plimsoll.seeding.strength import password_problem
from plimsoll.server import exclusive
from plimsoll.settings import Settings, setting

logger = logging.getLogger("plimsoll.seeding")

LOCK = "seed"
"""Name of the server-held lock under which admins are made and changed."""

LOCK_WAIT_S = 30.0
"""Seconds to wait for it. The holder needs a tenth of one, so this only ends for a process that hangs."""

GENERATED_BYTES = 18
"""Random bytes of a password made up for development: 144 bits, 24 characters."""

NONE_MADE = "No admin account was made"


class AdminSettings(Settings):
    """Name, e-mail and first password of the admin made at start.

    A weak password is no error of these settings: the service stays up, and seeding refuses it.
    """

    admin_name: str = setting("ADMIN_NAME", default="Administrator", help="name of the admin made at start")
    admin_email: str = setting("ADMIN_EMAIL", default="admin@example.com", help="e-mail it logs in with")
    admin_password: SecretStr | None = setting(
        "ADMIN_PASSWORD", default=None, secret=True, help="its first password; needed in production"
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class AdminAccount:
    """How the application keeps its admins: the model, its attributes, who counts as one, what a new one has.

    `is_admin` is the SQL expression that is true for an admin, such as `Account.role == "admin"`. `new` holds
    the further attributes of a new one, such as `{"role": "admin"}`. `normalize_email` gives the form that
    the application keeps e-mails in: small letters unless you say otherwise.
    """

    model: type[Any]
    settings: AdminSettings
    is_admin: ColumnElement[bool]
    new: Mapping[str, Any]
    email: str = "email"
    name: str = "name"
    password_hash: str = "password_hash"  # noqa: S105 - the name of an attribute
    normalize_email: Callable[[str], str] = str.lower
    hasher: PasswordHasher = field(default_factory=PasswordHasher)

    def __post_init__(self) -> None:
        named = (self.email, self.name, self.password_hash, *self.new)
        missing = [attribute for attribute in named if not hasattr(self.model, attribute)]
        if missing:
            raise AdminError(
                f"AdminAccount names {', '.join(missing)}, which {self.model.__name__} does not have. "
                "Give the names of its attributes as email=, name=, password_hash= and in new={...}."
            )

    async def seed(self, engine: AsyncEngine, *, production: bool, wait_s: float = LOCK_WAIT_S) -> SeedReport:
        """Make the admin where there is none; never change one. Safe in any number of processes at once.

        In development a password that is not set is made up and printed once; where the configured admin
        exists, a line says so. A failure is logged once and
        returned, never raised; cancellation is raised. `wait_s`: seconds to wait for another process.
        """
        password = self.configured_password or secrets.token_urlsafe(GENERATED_BYTES)
        try:
            report = await self._seed(engine, password, production=production, wait_s=wait_s)
        except Exception as exc:  # noqa: BLE001 - whatever it is, the service must start without its admin
            cause = explain(exc, engine.dialect.name, [password])
            report = SeedReport("failed", f"{NONE_MADE}: {cause.message}.", cause.fix)
        if not report.ok:
            # Without the traceback: it would quote the statement's parameters.
            logger.error("%s %s", report.message, report.fix)
        return report

    async def create(self, engine: AsyncEngine, *, email: str, name: str, password: str) -> None:
        """Add one more admin. PlimsollError: weak password, e-mail taken, database refused."""
        email = self.normalize_email(email)
        _demand_strength(password, email=email, name=name)
        with _plain_errors(engine, password):
            password_hash = await self.hasher.hash(password)
            async with exclusive(engine, LOCK, wait_s=LOCK_WAIT_S) as connection:
                if await self._is_taken(connection, email):
                    raise AdminError(
                        f"An account with the e-mail {email} exists already. Use another e-mail, or "
                        "`plimsoll admin reset-password` if it is an admin whose password is lost."
                    )
                await self._insert(connection, email, name, password_hash)

    async def reset_password(self, engine: AsyncEngine, *, email: str, password: str) -> None:
        """Give an admin a new password. PlimsollError: weak password, no such admin, database refused."""
        email = self.normalize_email(email)
        _demand_strength(password, email=email, name="")
        with _plain_errors(engine, password):
            password_hash = await self.hasher.hash(password)
            async with (
                exclusive(engine, LOCK, wait_s=LOCK_WAIT_S) as connection,
                _session(connection) as session,
            ):
                found = self.select_admins(self.model).where(self.attribute(self.email) == email).limit(1)
                account = await session.scalar(found)
                if account is None:
                    raise AdminError(
                        f"There is no admin with the e-mail {email}. Name the e-mail of an admin, or make "
                        "one with `plimsoll admin create`."
                    )
                setattr(account, self.password_hash, password_hash)
                await session.flush()

    async def check(
        self,
        engine: AsyncEngine,
        *,
        production: bool,
        tried: int = MAX_TRIED_ADMINS,
        limit_s: float | None = None,
    ) -> AdminCheck:
        """Whether there are admins, none with a password that anyone can guess. Reads only.

        In development a guessable password is a note and no finding. Each admin costs a second of CPU: passwords are
        tried on the first `tried` of them, the likeliest first. After `limit_s` seconds no more are tried, and the
        report says how many were.

        Raises:
            MemoryError: there is none for a password's hash.
        """
        return await inspect_admins(self, engine, production=production, tried=tried, limit_s=limit_s)

    @property
    def configured_password(self) -> str | None:
        """ADMIN_PASSWORD in the clear; None where it is not set, empty or blank."""
        secret = self.settings.admin_password
        password = secret.get_secret_value() if secret else ""
        return password if password.strip() else None

    def password_problem(self) -> str | None:
        """What is wrong with ADMIN_PASSWORD and what to do, or None."""
        settings = self.settings
        return password_problem(self.configured_password, email=settings.admin_email, name=settings.admin_name)

    def select_admins(self, *what: Any) -> Select[Any]:
        """A SELECT of `what` over the admins."""
        return select(*what).select_from(self.model).where(self.is_admin)

    def attribute(self, name: str) -> Any:
        """The mapped attribute `name` of the model."""
        return getattr(self.model, name)

    async def _seed(self, engine: AsyncEngine, password: str, *, production: bool, wait_s: float) -> SeedReport:
        # First without the lock: on every start but the first this one statement is all.
        async with engine.connect() as connection:
            if await self._has_admin(connection):
                if not production:
                    await self._remind(connection)
                return _exists()
        problem = self.password_problem()
        if problem and production:
            return SeedReport(
                "refused",
                f"{NONE_MADE}: ADMIN_PASSWORD is not fit for production. {problem}",
                "Set ADMIN_PASSWORD and start again, or run `plimsoll admin create`.",
            )
        report = await self._make_first(engine, password, wait_s)
        if report.outcome == "created":
            return replace(report, warning=self._tell(password, problem))
        return report

    async def _make_first(self, engine: AsyncEngine, password: str, wait_s: float) -> SeedReport:
        email = self.normalize_email(self.settings.admin_email)
        async with exclusive(engine, LOCK, wait_s=wait_s) as connection:
            if await self._has_admin(connection):
                return _exists()
            if await self._is_taken(connection, email):
                return SeedReport(
                    "failed",
                    f"{NONE_MADE}: an account with the e-mail {email} exists and is no admin.",
                    "Set ADMIN_EMAIL to another address, or make that account an admin in the application.",
                )
            # Hashed under the lock: of many processes that start at once only one spends the 64 MiB.
            password_hash = await self.hasher.hash(password)
            await self._insert(connection, email, self.settings.admin_name, password_hash)
        return SeedReport("created", f"Made the admin account {email}.")

    def _tell(self, password: str, problem: str | None) -> str:
        """Say what was made. What was warned of; empty where nothing was."""
        email = self.normalize_email(self.settings.admin_email)
        logger.info("Made the admin account %s.", email)
        if self.configured_password is None:
            _print_once(email, password)
        elif problem:
            warning = f"ADMIN_PASSWORD is accepted here, but not in production. {problem}"
            logger.warning("%s", warning)
            return warning
        return ""

    async def _remind(self, connection: AsyncConnection) -> None:
        """Print whom to log in as. Nothing where the admins have other e-mails: those are not for a terminal."""
        email = self.normalize_email(self.settings.admin_email)
        if await connection.scalar(self.select_admins(literal(1)).where(self.attribute(self.email) == email).limit(1)):
            sys.stdout.write(
                f"[admin] Log in as {email}; lost the password? `plimsoll admin reset-password --email {email}`\n"
            )
            sys.stdout.flush()

    async def _has_admin(self, connection: AsyncConnection) -> bool:
        return await connection.scalar(self.select_admins(literal(1)).limit(1)) is not None

    async def _is_taken(self, connection: AsyncConnection, email: str) -> bool:
        accounts = select(literal(1)).select_from(self.model).where(self.attribute(self.email) == email)
        return await connection.scalar(accounts.limit(1)) is not None

    async def _insert(self, connection: AsyncConnection, email: str, name: str, password_hash: str) -> None:
        values = {self.email: email, self.name: name, self.password_hash: password_hash, **self.new}
        # Through the model, so that its defaults, validators and attribute names count.
        async with _session(connection) as session:
            session.add(self.model(**values))
            await session.flush()


def _exists() -> SeedReport:
    return SeedReport("exists", "An admin account exists; it was left as it is.")


def _session(connection: AsyncConnection) -> AsyncSession:
    """A session in the connection's own transaction, which whoever began it ends."""
    return AsyncSession(bind=connection, expire_on_commit=False, autoflush=False)


def _print_once(email: str, password: str) -> None:
    sys.stdout.write(
        "[admin] ADMIN_PASSWORD is not set, so one was made up for development. It is shown only here:\n"
        f"[admin]   e-mail:   {email}\n"
        f"[admin]   password: {password}\n"
        "[admin] Lost it? `plimsoll admin reset-password` sets another.\n"
    )
    sys.stdout.flush()


def _demand_strength(password: str, *, email: str, name: str) -> None:
    problem = password_problem(password, email=email, name=name)
    if problem:
        raise AdminError(problem)


@contextmanager
def _plain_errors(engine: AsyncEngine, password: str) -> Iterator[None]:
    """Turn any error into an `AdminError` with cause and fix, without the statement's parameters."""
    try:
        yield
    except PlimsollError:
        raise
    except Exception as exc:  # noqa: BLE001 - a command shows one sentence, whatever it is
        cause = explain(exc, engine.dialect.name, [password])
        raise AdminError(f"Nothing was changed: {cause.message}. {cause.fix}") from None
