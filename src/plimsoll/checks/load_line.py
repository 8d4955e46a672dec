"""What `plimsoll.capacity` reckons, from the facts of a checklist."""

from collections.abc import Iterable
from dataclasses import replace

from plimsoll.capacity import Allowance, Costs, Loop, PoolPlan, Question, costs_of
from plimsoll.capacity.question import THREADS
from plimsoll.checks.facts import Facts
from plimsoll.server.facts import ServerFacts

ON_THE_SERVER = ("server", "account", "server variables")
"""Sources of allowances that are the database server's; all others are this host's."""


def plan_of(facts: Facts) -> PoolPlan:
    """The pool as it is set; `DB_POOL_SIZE=auto` counts as the most that may come out."""
    return PoolPlan.of(facts.settings.value, facts.service.value)


def question_of(facts: Facts, *, needs_server: bool = True) -> Question:
    """The question for the capacity; a server that is not known sets no limit, where it is not needed.

    Raises:
        UnknownError: settings, topology, or the server where it is needed, are not known.
    """
    settings = facts.settings.value
    plan = plan_of(facts)
    files = facts.topology.value.engines * plan.most if settings.dialect == "sqlite" else 0
    return Question(
        topology=facts.topology.value,
        plan=plan,
        server=_server(facts, needs_server=needs_server),
        costs=_costs(facts),
        host=facts.host.value if facts.host.known else None,
        # Every connection of aiosqlite has a thread of its own.
        threads=THREADS + files,
    )


def _server(facts: Facts, *, needs_server: bool) -> ServerFacts:
    if facts.server.known or needs_server:
        return facts.server.value
    return ServerFacts(facts.settings.value.dialect, "other", (), "")


def _costs(facts: Facts) -> Costs:
    settings = facts.settings.value
    driver = settings.url.drivername.partition("+")[2]
    loop: Loop = "uvloop" if "uvloop" in facts.versions else "asyncio"
    costs = costs_of(driver, tls=settings.tls is not None, loop=loop)
    if not (facts.host.known and facts.app.known):
        return costs
    # This process has imported the application, as a worker does.
    host = facts.host.value
    return replace(
        costs,
        worker_rss_bytes=max(costs.worker_rss_bytes, host.rss_bytes),
        worker_address_space_bytes=max(costs.worker_address_space_bytes, host.address_space_bytes),
    )


def of_this_host(allowances: Iterable[Allowance]) -> tuple[Allowance, ...]:
    """Those of memory and files on our side, the narrowest first."""
    ours = [allowance for allowance in allowances if allowance.source not in ON_THE_SERVER]
    return tuple(sorted(ours, key=lambda allowance: allowance.each))
