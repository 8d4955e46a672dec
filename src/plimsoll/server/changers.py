"""Which dialects' settings can be changed, and by what."""

from plimsoll.server.changing import Changer
from plimsoll.server.mysql_changing import MySQLChanger
from plimsoll.server.postgresql_changing import PostgreSQLChanger

_CHANGERS: dict[str, Changer] = {"mysql": MySQLChanger(), "postgresql": PostgreSQLChanger()}


def changer_of(dialect: str) -> Changer | None:
    """What changes the settings of a dialect's servers; None for SQLite, which has no server."""
    return _CHANGERS.get(dialect)
