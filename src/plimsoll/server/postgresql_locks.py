"""Which connections of a PostgreSQL server wait for a lock, and for whom. Every role may ask, and of all connections to
its database: `pg_locks` and `pg_blocking_pids()` need no privilege."""

from plimsoll.server.asking import Questions, Row, seconds_of, text_of
from plimsoll.server.facts import LockWait

_OF_A_ROW = ("transactionid", "tuple")
"""Kinds of locks that stand for a row: of the transaction that has it, and of the first who waits for it."""


async def read_waits(ask: Questions) -> dict[int, LockWait]:
    """By the process number of the connection what it waits for; 0 among those who have it is a prepared
    transaction."""
    rows = await ask.rows(
        "locks",
        "SELECT l.pid, array_to_string(pg_blocking_pids(l.pid), ','), l.locktype,"
        # Of who waits for a row the table is known by the lock that it has of the row itself.
        " coalesce(l.relation, (SELECT min(t.relation::bigint)::oid FROM pg_locks t"
        " WHERE t.pid = l.pid AND t.locktype = 'tuple'))::regclass::text,"
        # There is no such column before version 14.
        " extract(epoch FROM clock_timestamp() - (to_jsonb(l) ->> 'waitstart')::timestamptz)"
        " FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
        " WHERE NOT l.granted AND a.datname = current_database()",
    )
    found: list[tuple[int, LockWait]] = ask.each("locks", rows, _wait)
    return dict(found)


def _wait(row: Row) -> tuple[int, LockWait]:
    kind, table = text_of(row[2]), text_of(row[3])
    lock = f"the table {table}" if table and kind == "relation" else f"a lock of the kind {kind}"
    if kind in _OF_A_ROW:
        lock = f"a row of {table}" if table else "a row"
    by = tuple(dict.fromkeys(int(number) for number in text_of(row[1]).split(",") if number))
    return int(row[0]), LockWait(lock, seconds_of(row[4]), by)
