"""What a PostgreSQL server says of itself. Views and functions: chapters "System Views" and "The Cumulative
Statistics System" of its manual."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from plimsoll.server.asking import Questions, Row, seconds_of, text_of, version_of, whole_of, without_secrets
from plimsoll.server.facts import Account, ClientState, LockWait, ServerClient, ServerClients, ServerFacts
from plimsoll.server.place import Handshake, handshake_of, is_loopback
from plimsoll.server.postgresql_locks import read_waits

_ATTRIBUTES = ("SUPERUSER", "CREATEROLE", "CREATEDB", "REPLICATION", "BYPASSRLS")
"""In the order in which they are asked for."""

_MAY_USE_RESERVED = "pg_use_reserved_connections"
_HARMLESS_ROLES = (
    "pg_monitor",
    "pg_read_all_settings",
    "pg_read_all_stats",
    "pg_stat_scan_tables",
    "pg_database_owner",
    _MAY_USE_RESERVED,
)
"""Predefined roles (`pg_...`) that only watch or connect; the others reach beyond one database."""

_STATES: dict[str, ClientState] = {
    "active": "active",
    "fastpath function call": "active",
    "idle": "idle",
    "idle in transaction": "idle in transaction",
    "idle in transaction (aborted)": "idle in transaction",
}
_OTHER_SERVERS = re.compile(r"cockroach|redshift|materialize|greenplum|questdb|cratedb|-YB-|risingwave", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Database:
    """Ours; `limit` is its own limit of connections, -1 for none."""

    name: str = ""
    encoding: str = ""
    collation: str = ""
    limit: int = -1


@dataclass(frozen=True, slots=True)
class _Role:
    """The role that we logged in as; `limit` is its own limit of connections, -1 for none, `settings` what is noted
    for it (`ALTER ROLE ... SET`)."""

    attributes: frozenset[str]
    limit: int
    settings: Mapping[str, str] = field(default_factory=dict)


async def read(connection: AsyncConnection, ask: Questions) -> ServerFacts:
    """Everything that the server tells the role of `connection`.

    Some dozen statements, none of which changes anything. Our own connection is not among the clients.
    """
    handshake = await handshake_of(connection)
    version = text_of(await ask.value("version", "SELECT version()"))
    variables, units = await _variables(ask)
    own_id = whole_of(await ask.value("connection_id", "SELECT pg_backend_pid()"))
    # PgBouncer and its like give a client a number of their own, and pass no server's on.
    pooled = handshake.number is not None and own_id is not None and handshake.number != own_id
    database = await _database(ask)
    account = await _account(ask, database)
    return ServerFacts(
        dialect="postgresql",
        flavour="postgresql" if version.startswith("PostgreSQL") and not _OTHER_SERVERS.search(version) else "other",
        version=version_of(version.partition(" ")[2]),
        version_text=version,
        variables=variables,
        units=units,
        status=await _status(ask),
        account=account,
        max_connections=ask.whole("max_connections", variables),
        reserved_connections=_reserved(ask, variables, account),
        connections_now=whole_of(await ask.value("connections", "SELECT sum(numbackends) FROM pg_stat_database")),
        uptime_s=await _uptime(ask),
        clients=await _clients(ask, own_id),
        sees_all_clients=await _sees_everyone(ask) and "clients" not in ask.unread,
        is_local=not pooled and is_loopback(connection.engine.url) and await _is_here(ask, handshake),
        tls=await _tls(ask, pooled=pooled),
        in_between="PgBouncer" if pooled else None,
        database=database.name or None,
        charset=database.encoding or None,
        collation=database.collation or None,
        unread=ask.unread,
    )


async def read_clients(ask: Questions, _facts: ServerFacts) -> ServerClients:
    """The process list alone, in some four statements."""
    own_id = whole_of(await ask.value("connection_id", "SELECT pg_backend_pid()"))
    return ServerClients(
        clients=await _clients(ask, own_id),
        connections=whole_of(await ask.value("connections", "SELECT sum(numbackends) FROM pg_stat_database")),
        uptime_s=await _uptime(ask),
        identity=text_of(
            await ask.value(
                "identity", "SELECT concat(host(inet_server_addr()), ':', inet_server_port(), ':', current_database())"
            )
        ),
        unread=ask.unread,
    )


async def _variables(ask: Questions) -> tuple[dict[str, str], dict[str, str]]:
    """The settings as they are in our session, and the units that their numbers are in."""
    rows = await ask.rows("variables", "SELECT name, setting, unit FROM pg_settings")
    found = ask.each("variables", rows, lambda row: (text_of(row[0]).lower(), text_of(row[1]), text_of(row[2])))
    if not found:
        ask.note("variables", "the server answered without a row")
    variables = without_secrets({name: setting for name, setting, _ in found if name})
    return variables, {name: unit for name, _, unit in found if name and unit}


async def _status(ask: Questions) -> dict[str, str]:
    """The counters of our database (`pg_stat_database`), whichever this version has."""
    columns = await ask.record("status", "SELECT * FROM pg_stat_database WHERE datname = current_database()")
    status = {name.lower(): text_of(value) for name, value in columns.items() if value is not None}
    standby = await ask.value("pg_is_in_recovery", "SELECT pg_is_in_recovery()")
    if standby is not None:
        status["pg_is_in_recovery"] = "on" if standby is True or text_of(standby) == "t" else "off"
    return status


async def _uptime(ask: Questions) -> float | None:
    found = await ask.row("uptime", "SELECT extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())")
    ages: list[float | None] = ask.each("uptime", [found] if found else [], lambda row: seconds_of(row[0]))
    return ages[0] if ages else None


async def _database(ask: Questions) -> _Database:
    row = await ask.row(
        "database",
        "SELECT datname, pg_encoding_to_char(encoding), datcollate, datconnlimit FROM pg_database"
        " WHERE datname = current_database()",
    )
    found: list[_Database] = ask.each(
        "database",
        [row] if row else [],
        lambda row: _Database(text_of(row[0]), text_of(row[1]), text_of(row[2]), int(row[3])),
    )
    return found[0] if found else _Database()


async def _account(ask: Questions, database: _Database) -> Account | None:
    """The role that logged in: SET ROLE changes neither its limit nor what it could do again."""
    name = text_of(await ask.value("account", "SELECT session_user"))
    own = await ask.row(
        "powers",
        "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolconnlimit, rolconfig"
        " FROM pg_roles WHERE rolname = session_user",
    )
    found: list[_Role] = ask.each("powers", [own] if own else [], _role)
    rows = await ask.rows(
        "roles",
        "WITH RECURSIVE given(oid) AS (SELECT roleid FROM pg_auth_members WHERE member ="
        " (SELECT oid FROM pg_roles WHERE rolname = session_user) UNION SELECT m.roleid FROM pg_auth_members m"
        " JOIN given ON m.member = given.oid)"
        " SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_roles"
        " WHERE oid IN (SELECT oid FROM given) ORDER BY rolname",
    )
    roles: dict[str, frozenset[str]] = dict(
        ask.each("roles", rows, lambda row: (text_of(row[0]), _attributes(row[1:])))
    )
    if not name:
        return None
    role = found[0] if found else _Role(frozenset(), -1)
    limit, source = _limit(name, role, database)
    return Account(
        user=name,
        powers=role.attributes | _powers_of(roles),
        roles=tuple(roles),
        max_connections=limit,
        max_connections_source=source,
        settings=without_secrets(dict(role.settings)),
    )


def _role(row: Row) -> _Role:
    *attributes, limit, config = row
    noted = (text_of(entry).partition("=") for entry in config or ())
    return _Role(_attributes(attributes), int(limit), {name.lower(): value for name, _, value in noted})


def _attributes(values: Row) -> frozenset[str]:
    given = zip(_ATTRIBUTES, values, strict=True)
    return frozenset(power for power, value in given if value is True or text_of(value) == "t")


def _powers_of(roles: dict[str, frozenset[str]]) -> frozenset[str]:
    """What its roles let it do beyond one database. Attributes are not inherited: SET ROLE takes them."""
    predefined = {role.upper() for role in roles if role.startswith("pg_") and role not in _HARMLESS_ROLES}
    taken = {f"{power} BY SET ROLE {role}" for role, powers in roles.items() for power in powers}
    return frozenset(predefined | taken)


def _limit(name: str, role: _Role, database: _Database) -> tuple[int | None, str]:
    """The lower of the role's limit and the database's. Neither holds for a superuser."""
    if "SUPERUSER" in role.attributes:
        return None, ""
    limits = [
        (limit, source)
        for limit, source in (
            (role.limit, f"CONNECTION LIMIT of the role {name}"),
            (database.limit, f"CONNECTION LIMIT of the database {database.name}"),
        )
        if limit >= 0
    ]
    return min(limits, default=(None, ""))


def _reserved(ask: Questions, variables: dict[str, str], account: Account | None) -> int:
    """Connections that are kept for superusers, and since version 16 for those of a certain role."""
    if account is not None and "SUPERUSER" in account.powers:
        return 0
    kept = ask.whole("superuser_reserved_connections", variables) or 0
    if account is not None and _MAY_USE_RESERVED in account.roles:
        return kept
    return kept + (whole_of(variables.get("reserved_connections")) or 0)


async def _clients(ask: Questions, own_id: int | None) -> tuple[ServerClient, ...]:
    rows = await ask.rows(
        "clients",
        "SELECT pid, usename, host(client_addr), client_port, datname, application_name, state,"
        " extract(epoch FROM clock_timestamp() - state_change), extract(epoch FROM clock_timestamp() - xact_start),"
        " wait_event_type FROM pg_stat_activity WHERE backend_type = 'client backend'"
        # Of others' connections an ordinary role is told little more than that there are.
        " OR (backend_type IS NULL AND usename IS NOT NULL AND datname IS NOT NULL)",
    )
    # Of others' connections an ordinary role is not told whether they wait, yet for whom, if it asks for that.
    waits = await read_waits(ask) if any(ask.each("clients", rows, _may_wait)) else {}
    clients: list[ServerClient] = ask.each("clients", rows, lambda row: _client(row, waits))
    return tuple(client for client in clients if client.id != own_id)


async def _sees_everyone(ask: Questions) -> bool:
    return await ask.value("sees_all_clients", "SELECT pg_has_role('pg_read_all_stats', 'USAGE')") is True


def _may_wait(row: Row) -> bool:
    return row[6] is None or text_of(row[9]) == "Lock"


def _client(row: Row, waits: dict[int, LockWait]) -> ServerClient:
    address, port = text_of(row[2]), text_of(row[3])
    return ServerClient(
        id=int(row[0]),
        user=text_of(row[1]),
        host=f"{address}:{port}" if address else "",
        database=text_of(row[4]) or None,
        application=text_of(row[5]),
        state=_STATES.get(text_of(row[6]), "other"),
        seconds=seconds_of(row[7]),
        transaction_s=seconds_of(row[8]),
        wait=waits.get(int(row[0])),
    )


async def _is_here(ask: Questions, handshake: Handshake) -> bool:
    """Whether the server has us from its own machine, on the very port that is our end: no tunnel is between."""
    row = await ask.row("is_local", "SELECT host(inet_client_addr()), host(inet_server_addr()), inet_client_port()")
    if row is None or len(row) < 3:
        return False
    return row[0] == row[1] and (row[0] is None or handshake.port in (None, row[2]))


async def _tls(ask: Questions, *, pooled: bool) -> str | None:
    if pooled:
        ask.note("tls", "the server tells of the pooler's connection, not of ours to the pooler")
        return None
    row = await ask.row("tls", "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    if row is None or len(row) < 2 or not row[0]:
        return None
    return text_of(row[1]) or None
