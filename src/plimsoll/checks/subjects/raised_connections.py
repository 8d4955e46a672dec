"""PL902: max_connections was raised, and nobody counted the memory."""

from plimsoll.capacity.server_memory import MEMORY_SHARE, ServerMemory, server_memory
from plimsoll.capacity.wording import amount
from plimsoll.checks.check import Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.mysql_changes import FEWER_RISK, set_global
from plimsoll.checks.postgresql_changes import alter_system
from plimsoll.checks.subjects.mysql_memory import FEWEST_CONNECTIONS
from plimsoll.checks.verdict import Change, CouldNot, Found, Level, NotApplicable, Passed, Verdict
from plimsoll.server.facts import ServerFacts

THE_SUM = {"mysql": "PL311", "postgresql": "PL403"}
"""The checks that judge the same sum whatever max_connections is. Where they find it they tell it, with more advice."""

FROM_THE_START = {"mysql": 151, "postgresql": 100}
"""max_connections as it comes (the servers' manuals): above it somebody has raised it."""


def _raised(facts: Facts) -> Verdict:
    if facts.settings.value.dialect == "sqlite":
        return NotApplicable("SQLite has no server")
    server = facts.server.value
    if server.max_connections is None:
        return CouldNot("the server did not tell its max_connections")
    usual = FROM_THE_START.get(server.dialect, 0)
    if server.max_connections <= usual:
        return NotApplicable(f"max_connections is {server.max_connections}, not above what it comes with ({usual})")
    memory = server_memory(server)
    if not isinstance(memory, ServerMemory):
        return CouldNot(memory, "On the server's machine: buffers + max_connections x what one takes, against its RAM.")
    needed, most = memory.needed(server.max_connections), memory.total_bytes * MEMORY_SHARE
    share = f"{MEMORY_SHARE:.0%} of {amount(memory.total_bytes)} is {amount(most)}"
    sum_ = f"{_sum(memory, server.max_connections)} at worst; {share}"
    if needed <= most:
        return Passed(sum_)
    used = "" if server.connections_most is None else f"; at most {server.connections_most:,} were ever in use"
    carries = memory.carries()
    enough = carries >= FEWEST_CONNECTIONS
    fix = (
        f"Lower max_connections to {carries}, or the buffers of each connection; and fit the pools to it (PL201)."
        if enough
        else f"The buffers leave memory for {carries} only: make them smaller first."
    )
    return Found(
        f"{sum_}{used}",
        fix,
        _lower(server, memory, carries) if enough else (),
        numbers={"needed_bytes": needed, "allowed_bytes": most, "max_connections": server.max_connections},
        same_as=THE_SUM[server.dialect],
    )


def _lower(server: ServerFacts, memory: ServerMemory, connections: int) -> tuple[Change, ...]:
    """max_connections, so that the memory carries them."""
    told = f"{_sum(memory, connections)} at worst"
    if server.dialect == "mysql":
        return set_global(server, "max_connections", connections, memory=told, risk=FEWER_RISK)
    return alter_system(server, "max_connections", str(connections), restart=True, memory=told)


def _sum(memory: ServerMemory, connections: int) -> str:
    """The multiplication, to check by hand."""
    each = f"max_connections {connections} x {amount(memory.connection_bytes)}"
    return f"{amount(memory.buffers_bytes)} of buffers + {each} = {amount(memory.needed(connections))}"


CHECKS: tuple[Check, ...] = (
    Check(
        "PL902",
        "max_connections was raised beyond the server's memory",
        Level.WARNING,
        frozenset({"memory", "classic"}),
        "The server itself is killed when the connections are used, and with it every service on it.",
        """\
Where `max_connections` is above what it comes with: the server's buffers and as many connections, each with all it
may take, against the memory of the server's machine.

`SET GLOBAL max_connections = 200` is a line in many guides. It needs a privilege that hosted accounts lack, is lost
at the next restart, and promises memory that nobody counted. Few of the connections would work at a time anyway: the
processor and the disk set that number.

Threshold: 85 % of RAM, mysqltuner's threshold. 151 (MySQL, MariaDB) and 100 (PostgreSQL) are the defaults. The sum is
the worst case, which few servers ever see: compare it with the most that were in use.

PL311 and PL403 judge the same sum whatever `max_connections` is, and what it leads to: where they find it too, they
tell it, and this check does not apply.

Suppress it where the connections are known to be light and the most in use is far below.
""",
        _raised,
    ),
)
