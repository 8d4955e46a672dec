"""What a MySQL or MariaDB server says of itself. Names of variables and tables: the servers' manuals."""

import re
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from plimsoll.server.asking import Questions, Row, seconds_of, text_of, version_of, whole_of, without_secrets
from plimsoll.server.facts import Account, ClientState, LockWait, ServerClient, ServerClients, ServerFacts
from plimsoll.server.mysql_grants import limit_of, powers_of, roles_of, without_hashes
from plimsoll.server.mysql_locks import is_waiting, read_transactions, read_waits
from plimsoll.server.place import Handshake, handshake_of, is_this_host

_OF_THE_SESSION = (
    "wait_timeout",
    "interactive_timeout",
    "sql_mode",
    "time_zone",
    "autocommit",
    "tx_isolation",
    "transaction_isolation",
    "max_user_connections",
    "innodb_lock_wait_timeout",
    "lock_wait_timeout",
    "max_statement_time",
    "max_execution_time",
    "character_set_client",
    "collation_connection",
)
"""Variables of which our connection may have other values than the server: kept as `session.<name>`."""

_ISOLATION = ("tx_isolation", "transaction_isolation")
"""One variable with two names: the first in MariaDB before 11.1, the second in MySQL since 8.0."""

_REPLICATION_PREFIX = "5.5.5-"
"""MariaDB puts it before its version for old replicas, and some proxies pass it on."""

_THREADS_OF_THE_SERVER = ("system user", "event_scheduler", "unauthenticated user")
_AT_WORK = ("query", "execute", "prepare", "fetch", "field list", "init db", "ping", "statistics", "change user")
_SEE_EVERYONE = frozenset({"PROCESS", "ALL PRIVILEGES"})
_OTHER_SERVERS = re.compile(r"tidb|vitess|singlestore|memsql|oceanbase|dolt|doris|starrocks|clickhouse", re.IGNORECASE)

Flavour = Literal["mariadb", "mysql", "percona", "other"]


async def read(connection: AsyncConnection, ask: Questions) -> ServerFacts:
    """Everything that the server tells the account of `connection`.

    Some fifteen statements, none of which changes anything. Our own connection is not among the clients.
    """
    handshake = await handshake_of(connection)
    version = text_of(await ask.value("version", "SELECT VERSION()"))
    # In these very letters: it is how ProxySQL knows a question that it answers itself.
    comment = text_of(await ask.value("version_comment", "select @@version_comment limit 1"))
    variables = await _variables(ask)
    status = await ask.pairs("status", "SHOW GLOBAL STATUS")
    own_id = whole_of(await ask.value("connection_id", "SELECT CONNECTION_ID()"))
    in_between = _in_between(handshake, f"{version} {comment}", own_id)
    account = await _account(ask, variables)
    sees_everyone = account is not None and bool(account.powers & _SEE_EVERYONE)
    charset, collation = await _charset(ask)
    return ServerFacts(
        dialect="mysql",
        flavour=_flavour(version, comment),
        version=version_of(version.removeprefix(_REPLICATION_PREFIX)),
        version_text=f"{version} {comment}".strip(),
        variables=variables,
        status=status,
        account=account,
        max_connections=ask.whole("max_connections", variables),
        connections_now=ask.whole("threads_connected", status),
        connections_most=ask.whole("max_used_connections", status),
        uptime_s=_as_float(ask.whole("uptime", status)),
        clients=await _clients(ask, variables, own_id, sees_everyone=sees_everyone),
        sees_all_clients=sees_everyone and "clients" not in ask.unread,
        is_local=in_between is None and is_this_host(connection.engine.url, variables.get("hostname")),
        tls=await _tls(ask, in_between),
        in_between=in_between,
        database=text_of(await ask.value("database", "SELECT DATABASE()")) or None,
        charset=charset,
        collation=collation,
        tables=await _tables(ask),
        unread=ask.unread,
    )


async def read_clients(ask: Questions, facts: ServerFacts) -> ServerClients:
    """The process list alone, in some five statements; what else they take is known from `facts` of the same server."""
    own_id = whole_of(await ask.value("connection_id", "SELECT CONNECTION_ID()"))
    names = "'Threads_connected', 'Uptime'"
    status = await ask.pairs("status", f"SHOW GLOBAL STATUS WHERE Variable_name IN ({names})")
    variables = dict(facts.variables)
    return ServerClients(
        clients=await _clients(
            ask, variables, own_id, sees_everyone=facts.sees_all_clients, known_unread=frozenset(facts.unread)
        ),
        connections=whole_of(status.get("threads_connected")),
        uptime_s=_as_float(whole_of(status.get("uptime"))),
        identity=text_of(await ask.value("hostname", "SELECT CONCAT(@@hostname, ':', @@port, ':', @@server_id)")),
        unread=ask.unread,
    )


async def _variables(ask: Questions) -> dict[str, str]:
    """The server's variables, and those of our session that may differ under `session.<name>`."""
    variables = await ask.pairs("variables", "SHOW GLOBAL VARIABLES")
    names = ", ".join(f"'{name}'" for name in _OF_THE_SESSION)
    ours = await ask.pairs("session variables", f"SHOW SESSION VARIABLES WHERE Variable_name IN ({names})")
    for values in (variables, ours):
        old, new = _ISOLATION
        if old in values:
            values.setdefault(new, values[old])
    return without_secrets(variables) | {f"session.{name}": value for name, value in ours.items()}


async def _account(ask: Questions, variables: dict[str, str]) -> Account | None:
    # The account that the server took us for, which may be 'name'@'%' or an anonymous one.
    name = text_of(await ask.value("account", "SELECT CURRENT_USER()"))
    rows = await ask.rows("grants", "SHOW GRANTS")
    grants = tuple(without_hashes(grant) for grant in ask.each("grants", rows, lambda row: text_of(row[0])) if grant)
    if not grants:
        ask.note("grants", "the server showed no grant")
    elif not all(" TO " in grant for grant in grants):
        ask.note("grants", "a grant ends in its middle, so there may be more in it")
    if not name and not grants:
        return None
    user, _, host = name.rpartition("@")
    limit, source = _limit(grants, variables)
    return Account(
        user=user or name,
        host=host if user else "",
        grants=grants,
        powers=powers_of(grants),
        roles=roles_of(grants),
        max_connections=limit,
        max_connections_source=source,
    )


def _limit(grants: tuple[str, ...], variables: dict[str, str]) -> tuple[int | None, str]:
    """The most connections of this account, and who says so. 0 is no limit wherever it stands."""
    own = limit_of(grants)
    if own is not None:
        return own, "MAX_USER_CONNECTIONS of the account"
    # The session's value is the account's own limit where it has one, else the server's for every account.
    ours = whole_of(variables.get("session.max_user_connections"))
    everyone = whole_of(variables.get("max_user_connections"))
    if ours and ours != everyone:
        return ours, "MAX_USER_CONNECTIONS of the account"
    return (everyone, "max_user_connections of the server") if everyone else (None, "")


async def _clients(
    ask: Questions,
    variables: dict[str, str],
    own_id: int | None,
    *,
    sees_everyone: bool,
    known_unread: frozenset[str] = frozenset(),
) -> tuple[ServerClient, ...]:
    """`known_unread`: what the server refused to tell before is not asked again."""
    rows = await ask.rows("clients", f"SELECT id, user, host, db, command, time, state FROM {_list_of(variables)}")  # noqa: S608
    open_ones = await read_transactions(ask) if "transactions" not in known_unread else {}
    everyones = sees_everyone and "applications" not in known_unread
    programs = await _programs(ask, variables, everyones=everyones)
    tables = ask.each(
        "clients", rows, lambda row: (int(row[0]), seconds_of(row[5])) if is_waiting(text_of(row[6])) else None
    )
    waits = await read_waits(
        ask,
        variables,
        rows={number: each.waits_s for number, each in open_ones.items() if each.waits_s is not None},
        tables=dict(each for each in tables if each is not None),
    )
    ages = {number: each.age_s for number, each in open_ones.items()}
    clients: list[ServerClient] = ask.each("clients", rows, lambda row: _client(row, ages, programs, waits))
    return tuple(client for client in clients if client.id != own_id and client.user not in _THREADS_OF_THE_SERVER)


def _list_of(variables: dict[str, str]) -> str:
    """MySQL has a new list since it has this variable, and later warns at each use of the old one."""
    is_new = "performance_schema_show_processlist" in variables
    on = variables.get("performance_schema", "").upper() == "ON"
    return "performance_schema.processlist" if is_new and on else "information_schema.processlist"


def _client(row: Row, ages: dict[int, float], programs: dict[int, str], waits: dict[int, LockWait]) -> ServerClient:
    number = int(row[0])
    age = ages.get(number)
    return ServerClient(
        id=number,
        user=text_of(row[1]),
        host=text_of(row[2]),
        database=text_of(row[3]) or None,
        application=programs.get(number, ""),
        state=_state(text_of(row[4]).lower(), age),
        seconds=seconds_of(row[5]),
        transaction_s=age,
        wait=waits.get(number),
    )


def _state(command: str, transaction_s: float | None) -> ClientState:
    if command == "sleep":
        return "idle" if transaction_s is None else "idle in transaction"
    return "active" if command in _AT_WORK else "other"


async def _programs(ask: Questions, variables: dict[str, str], *, everyones: bool) -> dict[int, str]:
    """The names that clients gave themselves when they connected, by the number of the connection."""
    if variables.get("performance_schema", "ON").upper() == "OFF":
        ask.note("applications", "performance_schema is OFF")
        return {}
    statement = "SELECT processlist_id, attr_value FROM performance_schema.{} WHERE attr_name = 'program_name'"
    rows = await ask.rows("applications", statement.format("session_connect_attrs")) if everyones else []
    if not everyones or "applications" in ask.unread:
        # Open to every account, for its own connections.
        rows = await ask.rows("applications", statement.format("session_account_connect_attrs"))
    return dict(ask.each("applications", rows, lambda row: (int(row[0]), text_of(row[1]))))


async def _tls(ask: Questions, in_between: str | None) -> str | None:
    if in_between is not None:
        ask.note("tls", f"the server tells of its connection with {in_between}, not of ours")
        return None
    found = await ask.pairs("tls", "SHOW SESSION STATUS LIKE 'Ssl_version'")
    return found.get("ssl_version") or None


async def _charset(ask: Questions) -> tuple[str | None, str | None]:
    row = await ask.row("charset", "SELECT @@character_set_database, @@collation_database")
    if row is None or len(row) < 2:
        return None, None
    return text_of(row[0]) or None, text_of(row[1]) or None


async def _tables(ask: Questions) -> dict[str, dict[str, str]]:
    rows = await ask.rows(
        "tables",
        "SELECT table_name, engine, table_collation FROM information_schema.tables"
        " WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'",
    )
    return dict(ask.each("tables", rows, _table))


def _table(row: Row) -> tuple[str, dict[str, str]]:
    collation = text_of(row[2])
    # A collation's name begins with its character set's, save those that MariaDB has for several.
    charset = "" if collation.startswith("uca1400") else collation.partition("_")[0]
    return text_of(row[0]), {"engine": text_of(row[1]), "charset": charset, "collation": collation}


def _in_between(handshake: Handshake, words: str, own_id: int | None) -> str | None:
    """The proxy that answers, if one shows: by its name, or since the connection that the server knows is another
    than the one that was opened here."""
    words = f"{words} {handshake.words}".lower()
    for name in ("ProxySQL", "MaxScale"):
        if name.lower() in words:
            return name
    # The handshake has 32 bits for the number.
    if handshake.number is None or own_id is None or handshake.number == own_id % 2**32:
        return None
    return "a proxy"


def _flavour(version: str, comment: str) -> Flavour:
    words = f"{version} {comment}".lower()
    if "mariadb" in words:
        return "mariadb"
    if "percona" in words:
        return "percona"
    return "mysql" if version_of(version) and not _OTHER_SERVERS.search(words) else "other"


def _as_float(number: int | None) -> float | None:
    return None if number is None else float(number)
