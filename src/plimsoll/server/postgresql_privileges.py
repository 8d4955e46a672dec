"""Privileges of a PostgreSQL role on the tables of its schema, as the server's own functions tell them."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

DATA = ("SELECT", "INSERT", "UPDATE", "DELETE")
BY_ROLE = " BY SET ROLE "
ATTRIBUTES = frozenset({"SUPERUSER", "CREATEROLE", "CREATEDB", "REPLICATION", "BYPASSRLS"})

_SCHEMA = text("SELECT current_schema(), has_schema_privilege(current_schema(), 'CREATE')")
_TABLES = text(
    "SELECT c.relname, has_table_privilege(c.oid, 'SELECT'), has_table_privilege(c.oid, 'INSERT'), "
    "has_table_privilege(c.oid, 'UPDATE'), has_table_privilege(c.oid, 'DELETE'), "
    "pg_has_role(c.relowner, 'USAGE') "
    "FROM pg_class c WHERE c.relnamespace = to_regnamespace(quote_ident(current_schema())) "
    "AND c.relkind IN ('r', 'p') ORDER BY c.relname"
)


async def missing(connection: AsyncConnection) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], str]:
    """Missing for data on any table, missing for the schema, tables that others own, and nothing unclear."""
    schema, may_create = (await connection.execute(_SCHEMA)).one()
    if schema is None:
        return (), ("USAGE", "CREATE"), (), ""
    tables = (await connection.execute(_TABLES)).all()
    # alembic_version is written by migrations only.
    data = tuple(
        name
        for index, name in enumerate(DATA, 1)
        if any(not row[index] for row in tables if row[0] != "alembic_version")
    )
    foreign = tuple(row[0] for row in tables if not row[5])
    return data, () if may_create else ("CREATE",), foreign, ""


def revoke(user: str, powers: frozenset[str]) -> str:
    """Attributes of a role are taken away with their opposites, memberships in roles by their names."""
    attributes = [f"NO{power}" for power in sorted(powers & ATTRIBUTES)]
    lines = [f"ALTER ROLE {_quoted(user)} {' '.join(attributes)};"] if attributes else []
    return "\n".join(lines + [f"REVOKE {role} FROM {_quoted(user)};" for role in _roles(powers)])


def give(user: str, powers: frozenset[str]) -> str:
    """The same given back."""
    attributes = sorted(powers & ATTRIBUTES)
    lines = [f"ALTER ROLE {_quoted(user)} {' '.join(attributes)};"] if attributes else []
    return "\n".join(lines + [f"GRANT {role} TO {_quoted(user)};" for role in _roles(powers)])


def _roles(powers: frozenset[str]) -> list[str]:
    """The roles that powers come by: built-in ones themselves, others as `SUPERUSER BY SET ROLE admin`."""
    named = {power.partition(BY_ROLE)[2] or power.lower() for power in powers - ATTRIBUTES}
    return [_quoted(role) for role in sorted(named)]


def grant(_database: str, user: str, privileges: tuple[str, ...]) -> str:
    """Statements, to be run in the database, that give what is missing in the schema `public`."""
    on_schema = tuple(privilege for privilege in privileges if privilege not in DATA)
    on_tables = tuple(privilege for privilege in privileges if privilege in DATA)
    lines = []
    if on_schema:
        lines.append(f"GRANT {', '.join(on_schema)} ON SCHEMA public TO {_quoted(user)};")
    if on_tables:
        lines.append(f"GRANT {', '.join(on_tables)} ON ALL TABLES IN SCHEMA public TO {_quoted(user)};")
    return "\n".join(lines)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
