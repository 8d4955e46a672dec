"""What must hold of every deployment: never above a limit, also while deploying; more workers never raise a share."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.capacity import Costs, Load, PoolPlan, Question, budget
from plimsoll.capacity.allowances import allowances
from plimsoll.capacity.fitting import share
from plimsoll.host import Survey
from plimsoll.server.facts import ServerFacts
from plimsoll.settings import TopologySettings
from tests.capacity.cases import KIB, MIB, host, limit, machine, mariadb

TOPOLOGIES = st.builds(
    TopologySettings,
    workers=st.integers(1, 12),
    hosts=st.integers(1, 6),
    engines=st.integers(1, 3),
    overlap_percent=st.integers(0, 100),
    other_connections=st.integers(0, 60),
)
MEMORY = st.integers(64, 65_536).map(lambda mib: mib * MIB)


@st.composite
def servers(draw: st.DrawFn) -> ServerFacts:
    """MariaDB servers from tiny to large, of which all or little is known."""
    return mariadb(
        draw(st.none() | st.integers(1, 2000)),
        account=draw(st.none() | st.integers(1, 200)),
        memory=draw(st.none() | MEMORY),
        is_local=draw(st.booleans()),
        connections_now=draw(st.none() | st.integers(0, 300)),
        reserved_connections=draw(st.integers(0, 10)),
    )


@st.composite
def hosts(draw: st.DrawFn) -> Survey | None:
    """Hosts with any of the limits, or not known."""
    memory = [
        machine(draw(MEMORY)),
        limit("memory of the cgroup /a", draw(MEMORY), "/sys/fs/cgroup/a/memory.max"),
        limit("address space of the process", draw(MEMORY), "RLIMIT_AS"),
        limit("virtual memory of the account (LVE)", draw(MEMORY), "/proc/lve/list (lMEM)"),
    ]
    counts = [
        limit("open files of the process", draw(st.integers(16, 65_536)), "RLIMIT_NOFILE", unit="count"),
        limit("processes and threads of user 1000", draw(st.integers(16, 5000)), "RLIMIT_NPROC", unit="count"),
    ]
    found = host(
        *(item for item in memory if draw(st.booleans())), counts=tuple(c for c in counts if draw(st.booleans()))
    )
    return draw(st.none() | st.just(found))


QUESTIONS = st.builds(
    Question,
    topology=TOPOLOGIES,
    plan=st.builds(
        PoolPlan,
        pool_size=st.integers(1, 100),
        max_overflow=st.integers(0, 100),
        is_auto=st.booleans(),
        timeout_s=st.floats(0.1, 100),
    ),
    server=servers(),
    costs=st.builds(
        Costs,
        rss_bytes=st.integers(1, 2000).map(lambda kib: kib * KIB),
        address_space_bytes=st.integers(1, 2000).map(lambda kib: kib * KIB),
        source=st.just("a test"),
    ),
    host=hosts(),
    cores=st.none() | st.integers(1, 64),
    threads=st.integers(0, 40),
    load=st.none() | st.builds(Load, st.floats(0.1, 3000), st.floats(0.001, 1)),
)


def assert_within_limits(question: Question, each: int) -> None:
    """Pools of `each` keep every limit, in steady running and while deploying."""
    topology = question.topology
    for found in allowances(question):
        assert each * topology.pools <= found.steady, found
        assert each * topology.pools_deploying <= found.deploying, found


@given(QUESTIONS)
def test_what_is_advised_is_never_above_a_limit_also_while_deploying(question: Question) -> None:
    """And each pool gets at least one connection, with no more workers than were declared."""
    found = budget(question).advice
    if found is not None:
        assert found.pool_size >= 1
        assert found.max_overflow >= 0
        assert found.workers <= question.topology.workers
        assert_within_limits(found.question, found.each)


@given(QUESTIONS)
def test_what_auto_takes_is_never_above_a_limit_also_while_deploying(question: Question) -> None:
    """With the workers that there are, whatever is advised."""
    found = budget(question).automatic
    if found is not None:
        assert found[0] >= 1
        assert_within_limits(question, sum(found))


@given(QUESTIONS)
def test_an_answer_without_advice_says_that_it_does_not_fit(question: Question) -> None:
    """And with one the answer is as the limits have it."""
    found = budget(question)
    if found.advice is None:
        assert not found.fits
        assert found.verdict.startswith("Does not fit: ")
    if found.fits:
        assert_within_limits(question, found.now.demand.each)


@given(QUESTIONS, st.sampled_from(["workers", "hosts", "engines", "other_connections"]), st.integers(1, 5))
def test_more_workers_hosts_engines_or_others_never_raise_a_share(question: Question, name: str, more: int) -> None:
    """Whichever limit binds."""
    grown = question.with_topology(**{name: getattr(question.topology, name) + more})
    assert share(grown) <= share(question)


@given(QUESTIONS, st.integers(1, 100))
def test_a_longer_overlap_never_raises_a_share(question: Question, percent: int) -> None:
    """Old and new workers share what there is."""
    grown = question.with_topology(overlap_percent=min(100, question.topology.overlap_percent + percent))
    assert share(grown) <= share(question)


@given(topology=TOPOLOGIES, few=st.integers(1, 500), more=st.integers(0, 500), plan=st.builds(PoolPlan))
@settings(max_examples=200)
def test_more_allowed_never_lowers_a_share(topology: TopologySettings, few: int, more: int, plan: PoolPlan) -> None:
    """Of the server or of the account; nor what auto takes."""

    def sizes(**server: Any) -> int:
        question = Question(
            topology=topology,
            plan=plan,
            server=mariadb(server.get("most"), account=server.get("account")),
            costs=Costs(KIB, KIB, "a test"),
        )
        return sum(budget(question).automatic or (0,))

    assert sizes(most=few + more) >= sizes(most=few)
    assert sizes(account=few + more) >= sizes(account=few)
