"""What the account of the service lacks: for its own work with data, and for changing the schema."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from plimsoll.server import mysql_privileges, postgresql_privileges


@dataclass(frozen=True, slots=True)
class Privileges:
    """Privileges in the server's words that the account does not have on its database. `data` are for reading and
    writing, `schema` for migrations; `foreign_tables` belong to another account, so that we cannot alter them."""

    data: tuple[str, ...] = ()
    schema: tuple[str, ...] = ()
    foreign_tables: tuple[str, ...] = ()
    unclear: str = ""
    """Why what seems to be missing may be there all the same; empty where it is certain."""
    schema_name: str = ""
    """PostgreSQL: the schema that was looked at, the first of the search path that exists."""
    owners: tuple[str, ...] = ()
    """Whose `foreign_tables` are; empty where one of them has powers beyond its tables (a hoster's administrator is no
    superuser, and may make roles), which nobody should be given."""


async def read_privileges(connection: AsyncConnection) -> Privileges:
    """What is missing; reads only. SQLite knows no accounts, and nothing is missing there."""
    if connection.dialect.name in ("mysql", "mariadb"):
        return Privileges(*await mysql_privileges.missing(connection))
    if connection.dialect.name == "postgresql":
        return Privileges(*await postgresql_privileges.missing(connection))
    return Privileges()


def revoke_powers(dialect: str, user: str, host: str, powers: frozenset[str]) -> str:
    """The statements that take powers away, for an administrator to run."""
    if dialect == "postgresql":
        return postgresql_privileges.revoke(user, powers)
    return mysql_privileges.revoke(user, host, powers)


def grant_powers(dialect: str, user: str, host: str, powers: frozenset[str]) -> str:
    """The statements that give them back."""
    if dialect == "postgresql":
        return postgresql_privileges.give(user, powers)
    return mysql_privileges.give(user, host, powers)


def grant_sight(dialect: str, user: str, host: str) -> str:
    """The statement that lets the account see every client of the server and what each does."""
    role = "pg_read_all_stats" if dialect == "postgresql" else "PROCESS"
    return grant_powers(dialect, user, host, frozenset({role}))


def needed(dialect: str) -> tuple[str, ...]:
    """What a service that also migrates needs on its database, and no more."""
    if dialect == "postgresql":
        return (*postgresql_privileges.DATA, "CREATE", "USAGE")
    return (*mysql_privileges.DATA, *mysql_privileges.SCHEMA)


def grant_on_database(dialect: str, place: str, user: str, host: str, privileges: tuple[str, ...]) -> str:
    """The statements that give what is missing, for an administrator to run. `place` is the database, in PostgreSQL
    the schema."""
    if dialect == "postgresql":
        return postgresql_privileges.grant(place, user, privileges)
    return mysql_privileges.grant(place, user, host, privileges)


def give_tables(privileges: Privileges, user: str) -> str:
    """The statements after which the role may alter the tables that belong to others (PostgreSQL)."""
    return postgresql_privileges.own(privileges.schema_name, user, privileges.foreign_tables, privileges.owners)
