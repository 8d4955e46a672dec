"""How a setting of MySQL or MariaDB is changed: now, and so that it survives a restart."""

import re
from collections.abc import Iterable

from plimsoll.checks.verdict import Change
from plimsoll.server.facts import ServerFacts

PERSISTS_SINCE = (8,)
"""MySQL writes a setting down for its next start (SET PERSIST); MariaDB does not to this day."""

_PLAIN = re.compile(r"-?\d+(\.\d+)?|ON|OFF", re.IGNORECASE)

_OF_THE_SERVER = frozenset(
    {
        "innodb_buffer_pool_size",
        "innodb_flush_log_at_trx_commit",
        "max_connections",
        "slow_query_log",
        "sync_binlog",
        "thread_cache_size",
    }
)
"""These have no value of a session's own: they hold for everybody at once."""

FEWER_RISK = "Who is connected stays; beyond the limit nobody new is let in."
"""Of a lower max_connections."""

_OF_CONNECTIONS = frozenset({"max_connections", "max_connect_errors", "connect_timeout"})
"""MariaDB 10.5 and later lets CONNECTION ADMIN change these; all others here need SUPER."""


def set_global(
    server: ServerFacts,
    name: str,
    value: object,
    *,
    reads: str = "",
    risk: str = "",
    memory: str = "",
    in_file: str = "",
) -> tuple[Change, ...]:
    """The statement for the running server and, where the server does not keep it, the line of its file.

    `reads` is how the server then shows the value, where that is not how it is written (1 for ON); `in_file` the name
    that the setting has in the file, where it has another there.
    """
    persists = can_persist(server)
    verb = "SET PERSIST" if persists else "SET GLOBAL"
    old = server.variables.get(name, "")
    now = Change(
        kind="sql",
        text=f"{verb} {name} = {literal(value)};",
        undo=f"{verb} {name} = {literal(old)};" if name in server.variables else "",
        name=name,
        value=reads or str(value),
        old=old,
        reads_back=f"SELECT @@GLOBAL.{name}",
        privilege=_privilege(server, name),
        risk=risk or ("" if name in _OF_THE_SERVER else "Sessions that are open keep what they began with."),
        memory=memory,
    )
    if persists:
        return (now,)
    return (now, line(server, name, value, reads=reads, memory=memory, in_file=in_file))


def line(
    server: ServerFacts,
    name: str,
    value: object,
    *,
    reads: str = "",
    risk: str = "",
    memory: str = "",
    in_file: str = "",
) -> Change:
    """The line of the server's configuration file, which is read at its next start."""
    old = server.variables.get(name, "")
    option = in_file or name
    return Change(
        kind="config",
        text=f"[mysqld]\n{option} = {_quoted(value)}",
        undo=f"[mysqld]\n{option} = {_quoted(old)}" if name in server.variables else f"(take the line {option} out)",
        name=name,
        value=reads or str(value),
        old=old,
        reads_back=f"SELECT @@GLOBAL.{name}",
        privilege="root of the server's machine, or the provider",
        risk=risk,
        memory=memory,
    )


def _quoted(value: object) -> str:
    """A value as the file has it: quoted where a word ends it, or it is empty."""
    text = str(value)
    return text if text and not set(text) & set(" #+") else f"'{text}'"


def can_persist(server: ServerFacts) -> bool:
    """Whether SET PERSIST exists."""
    return server.flavour in ("mysql", "percona") and server.version >= PERSISTS_SINCE


def literal(value: object) -> str:
    """A value as SQL writes it: numbers and ON as they are, all else quoted."""
    text = str(value)
    if _PLAIN.fullmatch(text):
        return text
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def identifier(name: str) -> str:
    """The name of a table or database, quoted."""
    return "`" + name.replace("`", "``") + "`"


def listed(names: Iterable[str], most: int = 5) -> str:
    """Some names and how many more there are."""
    ordered = sorted(names)
    more = f" and {len(ordered) - most} more" if len(ordered) > most else ""
    return ", ".join(ordered[:most]) + more


def _privilege(server: ServerFacts, name: str) -> str:
    if can_persist(server):
        return "SYSTEM_VARIABLES_ADMIN"
    if server.flavour == "mariadb" and server.version >= (10, 5) and name in _OF_CONNECTIONS:
        return "CONNECTION ADMIN"
    return "SUPER"
