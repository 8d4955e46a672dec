"""Privileges of an account of MySQL or MariaDB on its own database, as information_schema tells them to anybody."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

DATA = ("SELECT", "INSERT", "UPDATE", "DELETE")
SCHEMA = ("CREATE", "ALTER", "INDEX", "DROP", "REFERENCES")
"""What Alembic's operations need; REFERENCES for foreign keys."""

_GRANT_OPTION = "GRANT OPTION"
_GIVE_ON = "GRANT USAGE ON *.* {whom} WITH GRANT OPTION;"
_PROXY = "PROXY"

_GRANTEE = (
    "CONCAT('''', SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '''@''', SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')"
)
# Grants on databases are patterns: the server itself matches ours with them.
_ON_DATABASE = text(
    f"SELECT privilege_type FROM information_schema.user_privileges WHERE grantee = {_GRANTEE} "  # noqa: S608
    "UNION SELECT privilege_type FROM information_schema.schema_privileges "
    f"WHERE grantee = {_GRANTEE} AND DATABASE() LIKE table_schema"
)
_ON_TABLES = text(
    "SELECT COUNT(*) FROM information_schema.table_privileges "  # noqa: S608
    f"WHERE grantee = {_GRANTEE} AND table_schema = DATABASE()"
)
_ROLE = text("SELECT CURRENT_ROLE()")


async def missing(connection: AsyncConnection) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], str]:
    """Missing for data, missing for the schema, no foreign tables, and why that is not certain."""
    has = {str(row).upper() for row in (await connection.execute(_ON_DATABASE)).scalars()}
    data = tuple(privilege for privilege in DATA if privilege not in has)
    schema = tuple(privilege for privilege in SCHEMA if privilege not in has)
    unclear = await _unclear(connection) if data or schema else ""
    return data, schema, (), unclear


async def _unclear(connection: AsyncConnection) -> str:
    if await connection.scalar(_ON_TABLES):
        return "privileges were granted table by table"
    role = await connection.scalar(_ROLE)
    if role and str(role).upper() != "NONE":
        return f"privileges come by the role {role}"
    return ""


def account(user: str, host: str) -> str:
    """The account as statements name it."""
    return f"{_quoted(user)}@{_quoted(host or '%')}"


def revoke(user: str, host: str, powers: frozenset[str]) -> str:
    """Statements that take powers away, each from where it was given."""
    return _statements("REVOKE", "FROM", user, host, powers)


def give(user: str, host: str, powers: frozenset[str]) -> str:
    """Statements that give powers back."""
    return _statements("GRANT", "TO", user, host, powers)


def _statements(verb: str, preposition: str, user: str, host: str, powers: frozenset[str]) -> str:
    """A power is a privilege on everything, or "SELECT ON mysql" on one database."""
    places: dict[str, list[str]] = {}
    for power in sorted(powers - {_GRANT_OPTION, _PROXY}):
        privilege, _, database = power.partition(" ON ")
        places.setdefault(f"{database}.*" if database else "*.*", []).append(privilege)
    whom = f"{preposition} {account(user, host)}"
    lines = [f"{verb} {', '.join(privileges)} ON {place} {whom};" for place, privileges in places.items()]
    if _GRANT_OPTION in powers:
        lines.append(f"REVOKE {_GRANT_OPTION} ON *.* {whom};" if verb == "REVOKE" else _GIVE_ON.format(whom=whom))
    if _PROXY in powers:
        lines.append(f"{verb} {_PROXY} ON ''@'%' {whom};")
    return "\n".join(lines)


def grant(database: str, user: str, host: str, privileges: tuple[str, ...]) -> str:
    """A statement that gives privileges on one database."""
    name = database.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%").replace("`", "``")
    return f"GRANT {', '.join(privileges)} ON `{name}`.* TO {account(user, host)};"


def _quoted(name: str) -> str:
    return "'" + name.replace("\\", "\\\\").replace("'", "''") + "'"
