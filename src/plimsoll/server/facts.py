"""What a database server says of itself, read once over one connection: frozen records, without SQL.

Whatever could not be read is named with the reason in `unread`, and stands as None or empty: a check that needs it
says so, and never takes a missing value for a good one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ClientState = Literal["active", "idle", "idle in transaction", "other"]


@dataclass(frozen=True, slots=True)
class LockWait:
    """What a connection waits for: `lock` in words (`a row of shop.bookings`), for how long, and the numbers of those
    who have it or are before it there, as far as the server tells; 0 is a prepared transaction, which has none."""

    lock: str
    seconds: float | None = None
    by: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerClient:
    """One connection in the server's process list. `seconds` since its state began; `transaction_s` since its
    transaction began, None where it has none or the server does not tell (with "transactions" in `unread` an idle one
    may be in a transaction). Statements' texts are not kept: they hold data."""

    id: int
    user: str
    host: str
    database: str | None
    application: str
    state: ClientState
    seconds: float | None
    transaction_s: float | None = None
    wait: LockWait | None = None


@dataclass(frozen=True, slots=True)
class ServerClients:
    """The process list at one moment, without the connection that asked; `connections` counts that one too. `identity`
    tells one start of one server from another."""

    clients: tuple[ServerClient, ...] = ()
    connections: int | None = None
    uptime_s: float | None = None
    identity: str = ""
    unread: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Account:
    """The account that we come with.

    `grants` are the server's own words, without password hashes. `powers` are the privileges beyond one database's
    data and schema (SUPER, FILE, PROCESS, GRANT OPTION, SUPERUSER, CREATEROLE, ...), upper case; where they are not
    simply its own they say how far they go: `UPDATE ON mysql`, `SUPERUSER BY SET ROLE boss`. `roles` are the names of
    those it has been given. `max_connections` is the most that this account may have at a time: its own limit, or the
    server's for every account; None for none.
    """

    user: str
    host: str = ""
    grants: tuple[str, ...] = ()
    powers: frozenset[str] = frozenset()
    max_connections: int | None = None
    max_connections_source: str = ""
    roles: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    """PostgreSQL: what is noted for the role in all databases (`ALTER ROLE ... SET`), whatever outranks it."""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """One server at one moment. `variables` and `status` have lower-case names and the server's own words as values;
    of MySQL and MariaDB also those of our own session, as `session.<name>`; of SQLite the pragmas, and its `file`.

    `max_connections` is what the server admits in all, `reserved_connections` the part of it that accounts like ours
    cannot have. `clients` are those that this account may see, without the connection that asked;
    `sees_all_clients` says whether that is everyone. `connections_now` counts the one that asked.
    `memory_bytes` is the server machine's RAM where it can be known: only on the same host, or where the server tells.
    """

    dialect: Literal["mysql", "postgresql", "sqlite"]
    flavour: Literal["mariadb", "mysql", "percona", "postgresql", "sqlite", "other"]
    version: tuple[int, ...]
    version_text: str
    variables: Mapping[str, str] = field(default_factory=dict)
    status: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    """PostgreSQL: what the number of a variable counts (`8kB`, `ms`), by the variable's name."""
    account: Account | None = None
    max_connections: int | None = None
    reserved_connections: int = 0
    connections_now: int | None = None
    connections_most: int | None = None
    uptime_s: float | None = None
    clients: tuple[ServerClient, ...] = ()
    sees_all_clients: bool = False
    is_local: bool = False
    memory_bytes: int | None = None
    cores: int | None = None
    """Processors of the server's machine, known as `memory_bytes` is."""
    tls: str | None = None
    """The protocol of our own connection (`TLSv1.3`); None where it is not encrypted."""
    in_between: str | None = None
    """A proxy that answers in the server's place, as far as it shows: `PgBouncer`, `ProxySQL`, `MaxScale`."""
    lending: Literal["unseen", "carries", "breaks"] = "unseen"
    """PostgreSQL behind a pooler: whether it was seen to lend a connection for one transaction, and what becomes of a
    prepared statement then."""
    database: str | None = None
    charset: str | None = None
    collation: str | None = None
    tables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By table of our database: `engine`, `charset`, `collation`, as far as the dialect has them."""
    unread: Mapping[str, str] = field(default_factory=dict)
    """What could not be read ("status", "clients", "variables", a variable's name), and the server's words why."""

    def number(self, name: str) -> float | None:
        """A variable or else a status value as a number; None where it is missing or no number."""
        text = self.variables.get(name, self.status.get(name))
        try:
            return None if text is None else float(text)
        except ValueError:
            return None

    def on(self, name: str) -> bool | None:
        """A variable that is a switch (`ON`, `1`, `yes`); None where it is missing or is none of them."""
        text = self.variables.get(name)
        if text is None:
            return None
        word = text.strip().lower()
        return True if word in ("on", "1", "yes", "true") else False if word in ("off", "0", "no", "false") else None
