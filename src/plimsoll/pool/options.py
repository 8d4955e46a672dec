"""What can be set on a pool. Every duration is in seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolOptions:
    """The settings of a pool beside SQLAlchemy's own (size, overflow, timeout, recycle)."""

    max_waiting: int = 200
    """So many may wait for a connection; the next is refused at once. At 50 ms a use and 20 connections, 200 are
    half a second of waiting: a longer line is load that nobody will be answered in time."""

    ping_after_idle_s: float = 0.5
    """A connection that was used within this time is taken to be alive (the window of HikariCP)."""

    recycle_jitter: float = 0.1
    """A connection's age limit is shortened by a random part up to this share, so that a pool that was filled at
    once is not emptied at once."""

    min_idle: int = 0
    """So many are kept open; opened in the background, also at start."""

    idle_timeout_s: float = 60.0
    """Connections beyond `min_idle` that nobody used for so long are closed."""

    keepalive_s: float = 30.0
    """An idle connection is pinged after so long, so that no middlebox forgets it and a dead one is found here."""

    connects_at_once: int = 4
    """New connections are opened at most so many at a time: a handshake costs the server a thread or a process."""

    connect_timeout_s: float = 15.0
    """A connect, with TLS, log-in and set-up, ends within this."""

    statement_timeout_s: float = 60.0
    """A statement that the server has not answered after so long is given up, its connection closed, and the statement
    ended on the server where that can be reached; 0 waits without limit. A server that has stopped to answer sends
    nothing, so that no limit of its own would help."""

    cleanup_timeout_s: float = 5.0
    """A roll-back at the return, or a close, ends within this, or the socket is dropped."""

    leak_threshold_s: float = 10.0
    """A checkout held for longer is reported with the line that took it; 0 switches the report off."""

    idle_transaction_s: float = 5.0
    """A transaction in which nothing happened for so long is reported once; 0 switches the report off."""

    end_idle_transaction_s: float = 0.0
    """A transaction in which nothing happened for so long is rolled back and its connection closed; 0 for never."""

    dispose_timeout_s: float = 5.0
    """`dispose` waits so long for connections that other tasks have in use."""

    track: bool = True
    """Whether to keep a record of who holds what, and histograms; counters are always kept."""
