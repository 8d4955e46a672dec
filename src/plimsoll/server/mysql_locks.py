"""Transactions that are open on a MySQL or MariaDB server, and which connections wait for a lock, and for whom: that is
asked only where one is seen to wait.

Rows: `innodb_lock_waits` of MariaDB and of MySQL before 8, `data_lock_waits` of MySQL 8. Tables: `metadata_lock_info`,
a plugin of MariaDB's that shows what was granted and not what is asked for, and `metadata_locks` of MySQL 8."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from plimsoll.server.asking import Questions, Row, seconds_of, text_of, version_of
from plimsoll.server.facts import LockWait

_ROWS = (
    "SELECT r.trx_mysql_thread_id, b.trx_mysql_thread_id, l.lock_type, l.lock_table"
    " FROM information_schema.innodb_lock_waits w"
    " JOIN information_schema.innodb_trx r ON r.trx_id = w.requesting_trx_id"
    " JOIN information_schema.innodb_trx b ON b.trx_id = w.blocking_trx_id"
    " JOIN information_schema.innodb_locks l ON l.lock_id = w.requested_lock_id"
)
_ROWS_OF_8 = (
    "SELECT r.processlist_id, b.processlist_id, l.lock_type, CONCAT(l.object_schema, '.', l.object_name)"
    " FROM performance_schema.data_lock_waits w"
    " JOIN performance_schema.threads r ON r.thread_id = w.requesting_thread_id"
    " JOIN performance_schema.threads b ON b.thread_id = w.blocking_thread_id"
    " JOIN performance_schema.data_locks l ON l.engine_lock_id = w.requesting_engine_lock_id"
)
_TABLES = (
    "SELECT thread_id, lock_mode, 'GRANTED', lock_type, table_schema, table_name"
    # Before MariaDB 10.4 a backup lock is called a global read lock.
    " FROM information_schema.metadata_lock_info"
    " WHERE lock_type IN ('Table metadata lock', 'Backup lock', 'Global read lock')"
)
_TABLES_OF_8 = (
    "SELECT t.processlist_id, m.lock_type, m.lock_status, m.object_type, m.object_schema, m.object_name"
    " FROM performance_schema.metadata_locks m JOIN performance_schema.threads t ON t.thread_id = m.owner_thread_id"
    " WHERE m.object_type IN ('TABLE', 'GLOBAL', 'BACKUP LOCK') AND t.processlist_id IS NOT NULL"
)

_EVERYTHING = "all tables"
"""What FLUSH TABLES WITH READ LOCK and a backup lock."""

_LETS_OTHERS_IN = frozenset(
    [
        "SHARED",
        "SHARED_HIGH_PRIO",
        "SHARED_READ",
        "SHARED_WRITE",
        "SHARED_WRITE_LOW_PRIO",
        "SHARED_UPGRADABLE",
        "INTENTION_EXCLUSIVE",
        "BACKUP_START",
        "BACKUP_DML",
        "BACKUP_TRANS_DML",
        "BACKUP_SYS_DML",
        "BACKUP_ALTER_COPY",
        "BACKUP_DDL",
        "BACKUP_COMMIT",
    ]
)
"""Kinds of locks of a table that those who read and write its rows have beside one another; whoever changes the table
itself waits for all of them to end."""

_WANTS_MORE = ("SHARED_UPGRADABLE", "SHARED_NO_WRITE")
"""What an ALTER TABLE has while it waits to be alone."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """Of one connection: seconds since it began, and since it waits for the lock of a row, None where it does not."""

    age_s: float
    waits_s: float | None


@dataclass(frozen=True, slots=True)
class _Lock:
    """One lock of a table that a connection has, or wants where it is not `granted`."""

    connection: int
    kind: str
    granted: bool
    table: str

    @property
    def is_alone(self) -> bool:
        """Whether it keeps those out who read and write rows, or waits for them to be gone."""
        return self.kind not in _LETS_OTHERS_IN or (self.table, self.kind) == (_EVERYTHING, "SHARED")


async def read_transactions(ask: Questions) -> dict[int, Transaction]:
    """That of each connection that has one, by its number, as far as it has touched a table of InnoDB's."""
    # The times are in the zone of the server's machine, whatever zone the session has.
    age = "TIMESTAMPDIFF(MICROSECOND, {}, CONVERT_TZ(NOW(6), @@SESSION.time_zone, 'SYSTEM')) / 1000000"
    rows = await ask.rows(
        "transactions",
        f"SELECT trx_mysql_thread_id, {age.format('trx_started')}, {age.format('trx_wait_started')}"  # noqa: S608
        " FROM information_schema.innodb_trx",
    )
    found = ask.each("transactions", rows, lambda row: (int(row[0]), seconds_of(row[1]), seconds_of(row[2])))
    return {number: Transaction(age_s, waits_s) for number, age_s, waits_s in found if age_s is not None}


def is_waiting(state: str) -> bool:
    """Whether a connection waits for the lock of a table, by its state in the process list. A GET_LOCK is none, nor is
    the mutex of the query cache, which no transaction has."""
    words = state.lower()
    return words.startswith("waiting for") and words.endswith((" lock", " table flush")) and "query cache" not in words


async def read_waits(
    ask: Questions,
    variables: Mapping[str, str],
    *,
    rows: Mapping[int, float | None],
    tables: Mapping[int, float | None],
) -> dict[int, LockWait]:
    """By the number of the connection what it waits for. `rows` and `tables` are those that were seen to wait for one,
    with the seconds since: nothing is asked where there are none."""
    version = variables.get("version", "")
    is_8 = "mariadb" not in version.lower() and version_of(version) >= (8,)
    waits: dict[int, LockWait] = {}
    if rows:
        found = await ask.rows("row locks", _ROWS_OF_8 if is_8 else _ROWS)
        waits |= _row_waits(rows, ask.each("row locks", found, _pair))
    if tables:
        found = await ask.rows("table locks", _TABLES_OF_8 if is_8 else _TABLES)
        waits |= _table_waits(tables, ask.each("table locks", found, _lock))
    return waits


def _pair(row: Row) -> tuple[int, int, str]:
    table = text_of(row[3]).replace("`", "")
    return int(row[0]), int(row[1]), f"a row of {table}" if text_of(row[2]) == "RECORD" else f"the table {table}"


def _row_waits(rows: Mapping[int, float | None], pairs: Iterable[tuple[int, int, str]]) -> dict[int, LockWait]:
    waits = {number: LockWait("a row", seconds) for number, seconds in rows.items()}
    for number, blocker, lock in pairs:
        if number in rows:
            by = dict.fromkeys((*waits[number].by, blocker))
            waits[number] = LockWait(lock, rows[number], tuple(by))
    return waits


def _lock(row: Row) -> _Lock:
    is_table = text_of(row[3]).lower() in ("table", "table metadata lock")
    table = f"the table {text_of(row[4])}.{text_of(row[5])}" if is_table else _EVERYTHING
    return _Lock(int(row[0]), text_of(row[1]).removeprefix("MDL_"), text_of(row[2]) == "GRANTED", table)


def _table_waits(waiting: Mapping[int, float | None], locks: Sequence[_Lock]) -> dict[int, LockWait]:
    """A table is contended for where somebody wants it who waits, or has it for itself."""
    wants = {lock.connection: lock for lock in locks if not lock.granted and lock.connection in waiting}
    for lock in locks:  # of MariaDB, which tells no more of it
        if lock.granted and lock.connection in waiting and lock.kind in _WANTS_MORE:
            wants.setdefault(lock.connection, _Lock(lock.connection, "EXCLUSIVE", granted=False, table=lock.table))
    in_the_way = _in_the_way(locks, wants)
    return {number: _table_wait(seconds, wants.get(number), in_the_way) for number, seconds in waiting.items()}


def _in_the_way(
    locks: Sequence[_Lock], wants: Mapping[int, _Lock]
) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
    """By table those who keep out whoever wants to be alone with it, and those who keep out all others: who is alone
    with it, else who waits to be."""
    ways: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {}
    for table in dict.fromkeys(lock.table for lock in locks):
        waiting = {number: lock for number, lock in wants.items() if lock.table == table}
        has = [lock for lock in locks if lock.granted and lock.table == table and lock.connection not in waiting]
        first = _numbers(lock for lock in waiting.values() if lock.is_alone)
        alone = _numbers(lock for lock in has if lock.is_alone)
        if first or alone:
            ways[table] = (_numbers(has) if first else alone, alone or first)
    return ways


def _numbers(locks: Iterable[_Lock]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(lock.connection for lock in locks))


def _table_wait(
    seconds: float | None, wanted: _Lock | None, in_the_way: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]
) -> LockWait:
    """Where it is not told which table is wanted, it is one of those that are contended for."""
    if wanted is not None:
        for_one_alone, for_others = in_the_way.get(wanted.table, ((), ()))
        return LockWait(wanted.table, seconds, for_one_alone if wanted.is_alone else for_others)
    by = dict.fromkeys(number for _, for_others in in_the_way.values() for number in for_others)
    return LockWait(next(iter(in_the_way)) if len(in_the_way) == 1 else "a table", seconds, tuple(by))
