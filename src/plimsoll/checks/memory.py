"""The RAM of the machine that the database server runs on, as far as it can be known."""

from plimsoll.checks.verdict import Known
from plimsoll.host import Survey
from plimsoll.server.facts import ServerFacts

MACHINE = "memory of the machine"
"""The limit of `plimsoll.host` whose value is all of the RAM."""


def ram_of(server: ServerFacts, host: Known[Survey]) -> float | None:
    """Bytes of RAM of the server's machine: as the server tells, or this machine's if it runs here."""
    if server.memory_bytes is not None and server.memory_bytes > 0:
        return float(server.memory_bytes)
    if not server.is_local or not host.known:
        return None
    return next((float(limit.limit) for limit in host.value.memory if limit.name == MACHINE), None)
