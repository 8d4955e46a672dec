"""The database's own words for an error, without what SQLAlchemy adds: the statement, and a link."""

from sqlalchemy.exc import DBAPIError


def words_of(error: BaseException) -> str:
    """The driver's message, on one line, with the error's number where the driver gives one."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    match cause.args:
        case (int(number), str(words), *_):
            text = f"{words} (error {number})"
        case _:
            text = str(cause) or type(cause).__name__
    return " ".join(text.split())
