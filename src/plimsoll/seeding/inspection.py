"""Looks at the admins there are: counts them, and tries the passwords on them that anyone would guess."""

from typing import TYPE_CHECKING

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncEngine

from plimsoll.seeding.causes import explain
from plimsoll.seeding.reports import AdminCheck, Finding
from plimsoll.seeding.strength import DEFAULT_PASSWORDS

if TYPE_CHECKING:
    from plimsoll.seeding.admin import AdminAccount

MAX_TRIED_ADMINS = 5
"""Admins whose passwords are tried, the rest is only counted: each try costs about 0.1 s and 64 MiB."""

TRIED_DEFAULTS = DEFAULT_PASSWORDS[:8]
"""The well-known passwords that are tried on each of them."""

NO_ADMIN = "There is no admin account."
MAKE_ONE = "Run `plimsoll admin create`, or set ADMIN_PASSWORD to a good password and start the service."


async def inspect_admins(
    account: "AdminAccount", engine: AsyncEngine, *, production: bool, tried: int = MAX_TRIED_ADMINS
) -> AdminCheck:
    """See `AdminAccount.check`. The connection is back in the pool before the first password is tried."""
    try:
        count, hashes = await _read(account, engine, tried)
    except Exception as exc:  # noqa: BLE001 - the command reports whatever it is
        cause = explain(exc, engine.dialect.name)
        return AdminCheck(0, (Finding(f"The admin accounts cannot be read: {cause.message}.", cause.fix),), unread=True)
    problem = account.password_problem() if account.configured_password else None
    if not count:
        refused = f" ADMIN_PASSWORD would be refused in production: {problem}" if problem else ""
        return AdminCheck(0, (Finding(NO_ADMIN + refused, MAKE_ONE),))
    findings, notes = [], []
    for email, password_hash in hashes:
        if await _is_guessable(account, email, password_hash, try_configured=problem is not None):
            findings.append(_guessable(email))
    if problem and not findings:
        notes.append(f"ADMIN_PASSWORD is weak, but no admin uses it: take it out of the settings. {problem}")
    if count > len(hashes):
        notes.append(f"The passwords of {len(hashes)} of {count} admins were tried.")
    if not production:
        notes.extend(f"{finding.message} Production would not accept that." for finding in findings)
        findings = []
    return AdminCheck(count, tuple(findings), tuple(notes))


async def _read(account: "AdminAccount", engine: AsyncEngine, tried: int) -> tuple[int, list[tuple[str, str]]]:
    """How many admins there are, and e-mail and hash of the first few."""
    email, password_hash = account.attribute(account.email), account.attribute(account.password_hash)
    async with engine.connect() as connection:
        count = await connection.scalar(account.select_admins(func.count()))
        rows = await connection.execute(account.select_admins(email, password_hash).order_by(email).limit(tried))
        return count or 0, [(row[0], row[1]) for row in rows]


async def _is_guessable(account: "AdminAccount", email: str, password_hash: str, *, try_configured: bool) -> bool:
    guesses = [*TRIED_DEFAULTS, email, email.partition("@")[0]]
    if try_configured and account.configured_password:
        guesses.append(account.configured_password)
    for guess in guesses:
        if await account.hasher.verify(password_hash, guess):
            return True
    return False


def _guessable(email: str) -> Finding:
    return Finding(
        f"The admin {email} has a password that is well known, its own e-mail, or the weak ADMIN_PASSWORD.",
        f"Run `plimsoll admin reset-password --email {email}`.",
    )
