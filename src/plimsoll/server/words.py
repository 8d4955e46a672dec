"""The database's own words for an error, without what SQLAlchemy adds: the statement, and a link."""

import os
import ssl

from sqlalchemy.exc import DBAPIError

_MYSQL_NOT_PERMITTED = (1142, 1143, 1227)
"""A table's, a column's or a global privilege is missing: ER_TABLEACCESS_DENIED_ERROR, ER_COLUMNACCESS_DENIED_ERROR,
ER_SPECIFIC_ACCESS_DENIED_ERROR."""

POSTGRESQL_NOT_PERMITTED = "42501"
"""insufficient_privilege."""


def words_of(error: BaseException) -> str:
    """The driver's message, on one line, with the error's number where the driver gives one."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    match cause.args:
        case (int(number), str(words), *_):
            text = f"{words}{_reason(cause, words)} (error {number})"
        case _:
            text = str(cause) or type(cause).__name__
    return " ".join(text.split())


def _reason(error: BaseException, words: str) -> str:
    """What the system said, where MySQL's drivers say only that they cannot connect."""
    cause = error.__cause__
    if not isinstance(cause, OSError) or isinstance(cause, ssl.SSLError):  # whose number is OpenSSL's
        return ""
    # asyncio's own text has the address once more, and numbers below 0 are the resolver's.
    said = os.strerror(cause.errno) if cause.errno and cause.errno > 0 else cause.strerror or ""
    return f": {said}" if said and said not in words else ""


def is_not_permitted(error: DBAPIError | BaseException) -> bool:
    """Whether the server refuses a statement since the account lacks a privilege for it."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    number = cause.args[0] if cause is not None and cause.args else None
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return number in _MYSQL_NOT_PERMITTED or state == POSTGRESQL_NOT_PERMITTED
