"""From where on something is a problem, each with its source. What a setting says wins over its default here."""

LEAK_S = 10.0
"""A connection is held for long: default of DB_LEAK_THRESHOLD, which wins where it is given and not 0."""

IDLE_TRANSACTION_S = 5.0
"""A transaction in which nothing happens: default of DB_IDLE_TRANSACTION, which wins where it is given and not 0; also
PL713's."""

CHATTY_PER_S = 1.0
"""Who sends more statements than this is between two of them, not asleep, as far as is known."""

SLOW_S = 2.0
"""A statement or a checkout that takes so long on average is slow: the `long_query_time` that PL332 advises."""

SLOW_NOW_S = 3.0
"""A checkout that has lasted for so long is told though those before it were quick: a lock, say, is to be seen before
it has filled the pool, and within the five seconds that somebody looks at a page for."""

LOCK_WAIT_S = 1.0
"""A statement that waits so long for a lock hangs: PostgreSQL's `deadlock_timeout`, after which it logs a wait."""

LOCKS_S = 10.0
"""An older list says nothing of who waits now: it is asked for each 2 to 5 s while somebody looks."""

LEAK_SHARE = 0.2
"""Of the places of a pool. From there on those who hold on for long are why the rest wait; fewer are only one more
thing that is wrong."""

HALF = 0.5
"""Whoever has at least this share of the time that connections are held is who to look at."""

OF_THE_SIZE = 0.5
"""Of DB_POOL_SIZE: a route that keeps fewer connections busy on average harms nobody, however large its share."""

RECENT_S = 60.0
"""A worker that is younger needs no earlier snapshot to be compared with: all that it counts is recent."""

FEW = 5
"""Fewer errors, refusals or time-outs are no storm: a client that went away, one deployment of another service."""

ERROR_SHARE = 0.05
"""Of a route's requests: one in twenty that fails is seen by users (the error budget of a 95 % objective)."""

REFUSED_SHARE = 0.05
"""Of all requests, likewise."""

MANY_CLIENTS = 50
"""More of clients' connections than that are worth a word: one browser, also that of who looks at this, opens six."""

SLOW_CONNECT_S = 0.5
"""Some ten times the dearest healthy connect that was measured (38 ms, with a TLS context of its own)."""

LEAST_REUSED = 0.8
LEAST_CHECKOUTS = 50
"""PL711's: below this share of checkouts that found an open connection, of at least so many."""

RESERVE_BYTES = 16 << 20
"""Default of MEMORY_RESERVE, which wins where it is given: what is never used for new work."""

GROWTH_BYTES = 32 << 10
"""What a request is taken to need before one was measured (the memory guard's LEAST_GROWTH_BYTES)."""

PRESSED = 2
"""Memory is short below so many times what the next request may need (the memory guard's): idle things are closed."""

LIMIT_SHARE = 0.85
"""Of open files, threads, processes, as of max_connections (mysqltuner's, PL301's)."""

MOST_USED = 0.85
"""Of the server's max_connections (mysqltuner's, PL301's)."""

NOT_READY_S = 10.0
"""A worker that starts is not ready for a moment; a healthy one takes a second or two, a migration's look longer."""

JUST_NOW_S = 5.0
"""What the server has said within so long is of now: it is asked every two seconds while somebody looks."""

LISTED_S = 60.0
"""An older list of the server's connections says nothing of now: /metrics has it asked for each 30 s."""

STALE_S = 30.0
"""The server's side is asked for again after 2 s while somebody looks: so long in vain is no accident, and an error
that is older is nobody's who looks now."""
