"""Settings of MySQL and MariaDB: `SET GLOBAL`, `SET PERSIST` where it exists, and the line of the option file."""

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from plimsoll.server.changing import Effect, Standing, Wanted, checked, literal
from plimsoll.server.facts import ServerFacts

PERSISTS_SINCE = (8, 0)
"""MySQL's manual, 5.1.9.3 "Persisted System Variables". MariaDB has no such statement."""

SECTION = "[mysqld]"
"""The group of the option file that both servers read."""

_MARIADB = text(
    "SELECT global_value, read_only, global_value_origin, global_value_path FROM information_schema.system_variables"
    " WHERE variable_name = :name"
)
_MYSQL = text("SHOW GLOBAL VARIABLES WHERE variable_name = :name")
_PERSISTED = text("SELECT variable_value FROM performance_schema.persisted_variables WHERE variable_name = :name")
_ORIGIN = text(
    "SELECT variable_source, variable_path FROM performance_schema.variables_info WHERE variable_name = :name"
)
COMMAND_LINE = "its command line"
_ORIGINS = {
    "COMPILED": "the server's own default",
    "COMPILE-TIME": "the server's own default",
    "CONFIG": "its option file",
    "EXPLICIT": "its option file",
    "GLOBAL": "its option file",
    "SERVER": "its option file",
    "COMMAND-LINE": COMMAND_LINE,
    "COMMAND_LINE": COMMAND_LINE,
    "SQL": "a SET GLOBAL since it started",
    # Of MySQL, where a SET of one session alone counts as well.
    "DYNAMIC": "a SET since it started, or its own default: one of a session alone counts there",
    "AUTO": "the server's own reckoning at its start",
    "PERSISTED": "a SET PERSIST",
}


class MySQLChanger:
    """MySQL 5.7 and later, MariaDB 10.3 and later."""

    async def standing(self, connection: AsyncConnection, name: str) -> Standing | None:
        checked(Wanted(name, ""))
        if getattr(connection.dialect, "is_mariadb", False):
            return await self._in_mariadb(connection, name)
        return await self._in_mysql(connection, name)

    async def _in_mariadb(self, connection: AsyncConnection, name: str) -> Standing | None:
        row = (await connection.execute(_MARIADB, {"name": name.upper()})).first()
        if row is None or row[0] is None:
            return None
        value, read_only, origin, path = row
        effect: Effect = "restart" if read_only == "YES" else "now"
        return Standing(name, str(value), effect, origin=_ORIGINS.get(origin, str(origin)), path=path or "")

    async def _in_mysql(self, connection: AsyncConnection, name: str) -> Standing | None:
        row = (await connection.execute(_MYSQL, {"name": name})).first()
        if row is None:
            return None
        kept, known = await _asked(connection, _PERSISTED, name)
        origin, _ = await _asked(connection, _ORIGIN, name)
        return Standing(
            name,
            str(row[1]),
            "now",
            kept=str(kept[0]) if kept else None,
            kept_known=known,
            origin=_ORIGINS.get(origin[0], str(origin[0])) if origin else "",
            path=(origin[1] or "") if origin else "",
        )

    def statements(self, wanted: Wanted, facts: ServerFacts) -> tuple[str, ...]:
        checked(wanted)
        verb = "PERSIST" if _persists(facts) else "GLOBAL"
        return (f"SET {verb} {wanted.name} = {literal(wanted.value)}",)

    def takes_back(self, before: Standing, facts: ServerFacts) -> tuple[str, ...]:
        checked(Wanted(before.name, before.value))
        running = f"SET GLOBAL {before.name} = {literal(before.value)}"
        if not _persists(facts):
            return (running,)
        if before.kept is not None:
            checked(Wanted(before.name, before.kept))
            return (f"SET PERSIST {before.name} = {literal(before.kept)}", running)
        return (f"RESET PERSIST IF EXISTS {before.name}", running)

    def reads(self, name: str) -> str:
        return f"SELECT @@GLOBAL.{name}"

    def file_line(self, wanted: Wanted, standing: Standing | None, facts: ServerFacts) -> tuple[str, str]:
        if _persists(facts):
            return "", ""
        line = f"{wanted.name} = {wanted.value}"
        if standing is not None and standing.origin == COMMAND_LINE:
            return line, "where its command line is written (systemctl cat), which sets it now and wins over its files"
        if standing is not None and standing.path:
            return line, f"under {SECTION} in {standing.path}, which sets it now"
        return line, (f"under {SECTION} in a file that it reads, such as {_own_file(facts)}")

    def privilege(self, facts: ServerFacts) -> str:
        if _persists(facts):
            return "SYSTEM_VARIABLES_ADMIN (or SUPER)"
        if facts.flavour == "mariadb":
            return "SUPER (since MariaDB 10.5 for some settings CONNECTION ADMIN, BINLOG ADMIN or such)"
        return "SUPER"


async def _asked(connection: AsyncConnection, statement: object, name: str) -> tuple[tuple[str, ...] | None, bool]:
    """The first row, and whether this account may ask at all."""
    try:
        row = (await connection.execute(statement, {"name": name})).first()  # type: ignore[call-overload]
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return None, False
    return (tuple(row) if row else None), True


def _persists(facts: ServerFacts) -> bool:
    return facts.flavour in ("mysql", "percona") and facts.version[:2] >= PERSISTS_SINCE


def _own_file(facts: ServerFacts) -> str:
    """Where Debian's and Red Hat's packages look; the last name wins, so it begins late in the alphabet."""
    debian = "/etc/mysql/mariadb.conf.d" if facts.flavour == "mariadb" else "/etc/mysql/mysql.conf.d"
    return f"{debian}/zz-plimsoll.cnf (Debian, Ubuntu) or /etc/my.cnf.d/zz-plimsoll.cnf (Red Hat and its kin)"
