"""Privileges of a PostgreSQL role on the tables of its schema, as the server's own functions tell them."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

ON_TABLES = ("SELECT", "INSERT", "UPDATE", "DELETE")
SEQUENCES = "USAGE ON SEQUENCES"
"""Without it an INSERT into a table whose key counts by itself (serial) is refused, whatever there is on the table."""
DATA = (*ON_TABLES, SEQUENCES)
BY_ROLE = " BY SET ROLE "
ATTRIBUTES = frozenset({"SUPERUSER", "CREATEROLE", "CREATEDB", "REPLICATION", "BYPASSRLS"})

_SCHEMA = text("SELECT current_schema(), has_schema_privilege(current_schema(), 'CREATE')")
_TABLES = text(
    "SELECT c.relname, has_table_privilege(c.oid, 'SELECT'), has_table_privilege(c.oid, 'INSERT'), "
    "has_table_privilege(c.oid, 'UPDATE'), has_table_privilege(c.oid, 'DELETE'), "
    "pg_has_role(c.relowner, 'USAGE'), r.rolname, "
    "r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls "
    "FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner "
    "WHERE c.relnamespace = to_regnamespace(quote_ident(current_schema())) "
    "AND c.relkind IN ('r', 'p') AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass "
    "AND d.objid = c.oid AND d.deptype = 'e') ORDER BY c.relname"  # those of extensions are no one's to migrate
)
# Those that a column's default counts with; an identity column's own needs no privilege. A list is any one of them.
# CASE, since the planner may ask has_sequence_privilege first, which fails for what is no sequence.
_SEQUENCES = text(
    "SELECT count(*) FROM pg_depend d JOIN pg_attrdef a ON d.classid = 'pg_attrdef'::regclass AND d.objid = a.oid "
    "JOIN pg_class s ON d.refclassid = 'pg_class'::regclass AND d.refobjid = s.oid "
    "JOIN pg_class t ON t.oid = a.adrelid "
    "WHERE t.relnamespace = to_regnamespace(quote_ident(current_schema())) "
    "AND CASE s.relkind WHEN 'S' THEN NOT has_sequence_privilege(s.oid, 'USAGE, UPDATE') ELSE false END"
)

Missing = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], str, str, tuple[str, ...]]


async def missing(connection: AsyncConnection) -> Missing:
    """Missing for data on any table, missing for the schema, tables that others own, nothing unclear, the schema's
    name, and who these others are, unless one of them has powers beyond its tables."""
    schema, may_create = (await connection.execute(_SCHEMA)).one()
    if schema is None:
        return (), ("USAGE", "CREATE"), (), "", "", ()
    tables = (await connection.execute(_TABLES)).all()
    # alembic_version is written by migrations only.
    data = tuple(
        name
        for index, name in enumerate(ON_TABLES, 1)
        if any(not row[index] for row in tables if row[0] != "alembic_version")
    )
    if await connection.scalar(_SEQUENCES):
        data += (SEQUENCES,)
    foreign = [row for row in tables if not row[5]]
    owners = () if any(row[7] for row in foreign) else tuple(dict.fromkeys(row[6] for row in foreign))
    return data, () if may_create else ("CREATE",), tuple(row[0] for row in foreign), "", schema, owners


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


def grant(schema: str, user: str, privileges: tuple[str, ...]) -> str:
    """Statements, to be run in the database, that give what is missing in a schema."""
    place, whom = f"SCHEMA {_quoted(schema)}", _quoted(user)
    on_schema = tuple(privilege for privilege in privileges if privilege not in DATA)
    on_tables = tuple(privilege for privilege in privileges if privilege in ON_TABLES)
    lines = []
    if on_schema:
        lines.append(f"GRANT {', '.join(on_schema)} ON {place} TO {whom};")
    if on_tables:
        lines.append(f"GRANT {', '.join(on_tables)} ON ALL TABLES IN {place} TO {whom};")
    if SEQUENCES in privileges:
        lines.append(f"GRANT USAGE ON ALL SEQUENCES IN {place} TO {whom};")
    return "\n".join(lines)


def own(schema: str, user: str, tables: tuple[str, ...], owners: tuple[str, ...]) -> str:
    """Statements after which the role may alter these tables: as a member of their owners' roles, else as the owner."""
    if owners:
        return "\n".join(f"GRANT {_quoted(owner)} TO {_quoted(user)};" for owner in owners)
    return "\n".join(f"ALTER TABLE {_quoted(schema)}.{_quoted(table)} OWNER TO {_quoted(user)};" for table in tables)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
