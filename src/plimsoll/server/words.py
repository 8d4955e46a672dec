"""The database's own words for an error, without what SQLAlchemy adds: the statement, and a link."""

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
            text = f"{words} (error {number})"
        case _:
            text = str(cause) or type(cause).__name__
    return " ".join(text.split())


def is_not_permitted(error: DBAPIError | BaseException) -> bool:
    """Whether the server refuses a statement since the account lacks a privilege for it."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    number = cause.args[0] if cause is not None and cause.args else None
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return number in _MYSQL_NOT_PERMITTED or state == POSTGRESQL_NOT_PERMITTED
