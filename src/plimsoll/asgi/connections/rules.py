"""What connections are held to, and what there is to tell about them."""

from dataclasses import dataclass

PLAIN_COST_BYTES = 12 * 1024
TLS_COST_BYTES = 300 * 1024
"""What a connection under uvicorn takes, rounded up to what it was measured to take while it works: resident memory
without TLS; address space with TLS, whose 256 KiB buffer is resident only under asyncio, and counts against a limit of
address space under uvloop too. `docs/connections.md` has the figures of idle ones."""


@dataclass(frozen=True, slots=True)
class ConnectionRules:
    """Limits for the connections of one process; 0 switches one off."""

    max_connections: int = 0
    """Connections open at once."""

    header_timeout_s: float = 20.0
    """For the whole header of a request, and for a TLS handshake."""

    min_rate_bytes: int = 500
    """Bytes a second at which a client must take the rest of its answer once the server has closed the connection."""

    grace_s: float = 20.0
    """Seconds before that rate is asked for."""


@dataclass(frozen=True, slots=True)
class ConnectionFigures:
    """Connections of this process, now and since it began."""

    open: int
    open_tls: int
    accepted: int
    refused: int
    cut: int
    """Aborted for what the rules do not allow: an incomplete header, an answer that is not taken."""
