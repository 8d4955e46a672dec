"""Puts what a database refused into plain words, without a statement's parameters, a password or a hash.

`str()` of SQLAlchemy's errors can hold the parameters, and PostgreSQL's DETAIL the whole row. So only the
first line of the driver's own message is used, and secrets are cut out of that too.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.exc import StatementError

from plimsoll.errors import LockTimeoutError, PlimsollError
from plimsoll.server import Fault, fault_of
from plimsoll.settings.redaction import HIDDEN, hide_within

MAX_TEXT = 300
"""Characters of a driver's message that are shown: enough for its first sentence."""

_HASH = re.compile(r"\$argon2\S*")
_READ_ONLY = re.compile(r"read.?only", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something failed, and what to do about it."""

    message: str
    fix: str


_AGAIN = "then start again or run `plimsoll admin create`."
_KNOWN = {
    Fault.NO_TABLE: Cause("the table of accounts is missing", f"Create it with `plimsoll migrate`, {_AGAIN}"),
    Fault.CONFLICT: Cause(
        "the table of accounts has a rule that the new row breaks",
        f"Give the column a value in `AdminAccount(new={{...}})` or a default, {_AGAIN}",
    ),
    Fault.BUSY: Cause(
        "another transaction was in the way, or no connection was free",
        f"Look for a transaction that stays open, {_AGAIN}",
    ),
    Fault.UNAVAILABLE: Cause(
        "the database cannot be reached, or the connection was lost",
        f"See that the database server runs and can be reached, {_AGAIN}",
    ),
    Fault.REFUSED: Cause("the database does not let this user in", f"Correct its user, password or grants, {_AGAIN}"),
    Fault.OTHER: Cause("the database or the model did not accept it", f"Remove that cause, {_AGAIN}"),
}
_NOT_WRITABLE = Cause(
    "the database is read-only",
    f"Connect to the primary server, or make the file and folder of SQLite writable, {_AGAIN}",
)


def explain(exc: Exception, dialect: str, secrets: Iterable[str | None] = ()) -> Cause:
    """The cause of `exc` and its fix, in plain words; `secrets` are cut out wherever they stand."""
    if isinstance(exc, MemoryError):
        return Cause(_clean(exc, secrets), f"See by `plimsoll limits` which limit of memory is met, {_AGAIN}")
    if isinstance(exc, LockTimeoutError):
        return Cause(
            f"another process held the lock for seeding ({_clean(exc, secrets)})",
            f"Look for a process of this service that hangs and end it, {_AGAIN}",
        )
    if isinstance(exc, PlimsollError):
        return Cause(_clean(exc, secrets), f"Remove that cause, {_AGAIN}")
    driver_error = exc.orig if isinstance(exc, StatementError) and exc.orig else exc
    words = _clean(driver_error, secrets)
    fault = fault_of(exc, dialect)
    read_only = fault is Fault.UNAVAILABLE and _READ_ONLY.search(words)
    known = _NOT_WRITABLE if read_only else _KNOWN[fault]
    return Cause(f"{known.message} ({words})", known.fix)


def _clean(exc: BaseException, secrets: Iterable[str | None]) -> str:
    """The first line of the error's text with its class, without secrets."""
    text = " ".join(f"{type(exc).__name__}: {exc}".splitlines()[:1])
    return _HASH.sub(HIDDEN, hide_within(text, [secret for secret in secrets if secret]))[:MAX_TEXT]
