"""Looks at the admins there are: counts them, and tries the passwords on them that anyone would guess."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import zip_longest
from time import monotonic
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
    account: "AdminAccount",
    engine: AsyncEngine,
    *,
    production: bool,
    tried: int = MAX_TRIED_ADMINS,
    limit_s: float | None = None,
) -> AdminCheck:
    """See `AdminAccount.check`. The connection is back in the pool before the first password is tried."""
    ends_s = None if limit_s is None else monotonic() + limit_s
    try:
        count, hashes = await _read(account, engine, tried)
    except Exception as exc:  # noqa: BLE001 - the command reports whatever it is
        cause = explain(exc, engine.dialect.name)
        return AdminCheck(0, (Finding(f"The admin accounts cannot be read: {cause.message}.", cause.fix),), unread=True)
    problem = account.password_problem() if account.configured_password else None
    if not count:
        refused = f" ADMIN_PASSWORD would be refused in production: {problem}" if problem else ""
        return AdminCheck(0, (Finding(NO_ADMIN + refused, MAKE_ONE),))
    guesses = list(_guesses(hashes, account.configured_password if problem else None))
    guessed, settled = await _try(account, guesses, ends_s)
    findings, notes = [_guessable(email) for email, _ in hashes if email in guessed], []
    if settled < len(guesses):
        notes.append(f"Of {len(guesses)} tries of likely passwords there was time for {settled}.")
    if problem and not findings:
        notes.append(f"ADMIN_PASSWORD is weak, but no admin uses it: take it out of the settings. {problem}")
    if count > len(hashes):
        notes.append(f"The passwords of {len(hashes)} of {count} admins were tried.")
    if not production:
        notes.extend(f"{finding.message} Production would not accept that." for finding in findings)
        findings = []
    return AdminCheck(
        count, tuple(findings), tuple(notes), accounts_tried=len(hashes), tries=settled, tries_meant=len(guesses)
    )


async def _read(account: "AdminAccount", engine: AsyncEngine, tried: int) -> tuple[int, list[tuple[str, str]]]:
    """How many admins there are, and e-mail and hash of the first few."""
    email, password_hash = account.attribute(account.email), account.attribute(account.password_hash)
    async with engine.connect() as connection:
        count = await connection.scalar(account.select_admins(func.count()))
        rows = await connection.execute(account.select_admins(email, password_hash).order_by(email).limit(tried))
        return count or 0, [(row[0], row[1]) for row in rows]


def _guesses(hashes: Sequence[tuple[str, str]], configured: str | None) -> Iterator[tuple[str, str, str]]:
    """E-mail, hash and password of each try, the likeliest passwords first and for every account."""
    words = [
        dict.fromkeys([*([configured] if configured else []), *TRIED_DEFAULTS, email, email.partition("@")[0]])
        for email, _ in hashes
    ]
    for turn in zip_longest(*words):
        yield from ((*each, word) for each, word in zip(hashes, turn, strict=True) if word is not None)


async def _try(
    account: "AdminAccount", guesses: Sequence[tuple[str, str, str]], ends_s: float | None
) -> tuple[set[str], int]:
    """The e-mails of accounts that a password opened, and how many tries are settled at `ends_s` of the clock."""
    guessed: set[str] = set()
    settled = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(None if ends_s is None else ends_s - monotonic()):
            for email, password_hash, password in guesses:
                if email not in guessed and await account.hasher.verify(password_hash, password):
                    guessed.add(email)
                settled += 1
    return guessed, settled


def _guessable(email: str) -> Finding:
    return Finding(
        f"The admin {email} has a password that is well known, its own e-mail, or the weak ADMIN_PASSWORD.",
        f"Run `plimsoll admin reset-password --email {email}`.",
    )
