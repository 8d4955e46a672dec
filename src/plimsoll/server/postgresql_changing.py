"""Settings of PostgreSQL: `ALTER SYSTEM`, and whether the server must read its files again or be restarted."""

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from plimsoll.server.changing import Effect, Standing, Wanted, checked
from plimsoll.server.facts import ServerFacts
from plimsoll.server.words import is_not_permitted

RELOAD = "SELECT pg_reload_conf()"
PARAMETER_GRANTS_SINCE = (15,)
"""Release notes of PostgreSQL 15: GRANT ... ON PARAMETER."""

_SETTING = text(
    "SELECT setting, context, source, coalesce(sourcefile, ''), coalesce(unit, ''), pending_restart"
    " FROM pg_settings WHERE name = :name"
)
_KEPT = text(
    "SELECT setting FROM pg_file_settings WHERE name = :name AND sourcefile LIKE '%postgresql.auto.conf'"
    " ORDER BY seqno DESC LIMIT 1"
)
_SOURCES = {
    "default": "the server's own default",
    "command line": "its command line, which wins over ALTER SYSTEM",
    "configuration file": "its configuration file",
    "environment variable": "its environment, which wins over ALTER SYSTEM",
    "database": "ALTER DATABASE, which wins over ALTER SYSTEM",
    "user": "ALTER ROLE, which wins over ALTER SYSTEM",
    "database user": "ALTER ROLE IN DATABASE, which wins over ALTER SYSTEM",
}


class PostgreSQLChanger:
    """PostgreSQL 13 and later."""

    async def standing(self, connection: AsyncConnection, name: str) -> Standing | None:
        row = (await connection.execute(_SETTING, {"name": name})).first()
        if row is None:
            return None
        value, context, source, path, unit, pending = row
        kept, known = await self._kept(connection, name)
        return Standing(
            name,
            str(value),
            _effect(context),
            kept=kept,
            kept_known=known,
            origin=_SOURCES.get(source, str(source)),
            path=path,
            unit=unit,
            pending=bool(pending),
        )

    async def _kept(self, connection: AsyncConnection, name: str) -> tuple[str | None, bool]:
        """What `postgresql.auto.conf` says, and whether this account may see it."""
        try:
            row = (await connection.execute(_KEPT, {"name": name})).first()
        except DBAPIError as error:
            if not is_not_permitted(error):
                raise
            return None, False
        return (None if row is None else str(row[0])), True

    def statements(self, wanted: Wanted, facts: ServerFacts) -> tuple[str, ...]:
        checked(wanted)
        return (f"ALTER SYSTEM SET {wanted.name} = '{wanted.value}'", RELOAD)

    def takes_back(self, before: Standing, facts: ServerFacts) -> tuple[str, ...]:
        checked(Wanted(before.name, before.kept or ""))
        if before.kept is None:
            return (f"ALTER SYSTEM RESET {before.name}", RELOAD)
        return (f"ALTER SYSTEM SET {before.name} = '{before.kept}'", RELOAD)

    def reads(self, name: str) -> str:
        return f"SHOW {name}"

    def file_line(self, wanted: Wanted, standing: Standing | None, facts: ServerFacts) -> tuple[str, str]:
        # ALTER SYSTEM writes postgresql.auto.conf, which outlives a restart.
        return "", ""

    def privilege(self, facts: ServerFacts) -> str:
        if facts.version >= PARAMETER_GRANTS_SINCE:
            return "superuser, or GRANT ALTER SYSTEM ON PARAMETER and EXECUTE on pg_reload_conf()"
        return "superuser"


def _effect(context: str) -> Effect:
    """`pg_settings.context`: the manual, 54.24."""
    if context == "internal":
        return "never"
    return "restart" if context == "postmaster" else "reload"
