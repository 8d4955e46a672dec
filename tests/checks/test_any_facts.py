"""Whatever the facts, a check answers: odd numbers, missing ones, and words where numbers should be."""

from typing import Any

from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from plimsoll.checks.facts import AppFacts, Facts
from plimsoll.checks.registry import BY_ID
from plimsoll.checks.verdict import (
    CouldNot,
    Found,
    IrrelevantError,
    Known,
    NotApplicable,
    Passed,
    UnknownError,
)
from plimsoll.host import Arenas, Limit, Survey
from plimsoll.server.facts import Account, ServerFacts
from tests.checks.cases import CASES
from tests.checks.made import ASYNCMY, POSTGRES, SECRET, SQLITE, URL, service, settings, topology

OURS = sorted({case.id for case in CASES})

NUMBERS = st.integers(-(2**70), 2**70) | st.integers(0, 300)
WORDS = st.sampled_from(["", "0", "1", "-1", "280", "nan", "inf", "1e400", "ON", "soon", "٣", "1'; DROP"]) | st.text(
    max_size=6
)
NAMES = (
    "RLIMIT_AS",
    "RLIMIT_DATA",
    "RLIMIT_NOFILE",
    "RLIMIT_NPROC",
    "/proc/lve/list (lEP)",
    "/proc/meminfo",
    "/x/memory.max",
)


def known(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Known[Any]]:
    """A fact, or the reason why it is not known, or that there is none."""
    missing: st.SearchStrategy[Known[Any]] = st.sampled_from(
        [Known(why="no privilege"), Known(why="no such thing", irrelevant=True)]
    )
    return st.one_of(*[values.map(Known)] * 5, missing)


LIMITS = st.builds(
    Limit,
    name=st.sampled_from(["processes and threads of user 7", "memory"]),
    limit=NUMBERS,
    used=NUMBERS,
    unit=st.sampled_from(["bytes", "count"]),
    source=st.sampled_from(NAMES),
    kills=st.booleans(),
    note=st.text(max_size=5),
    fails=st.booleans(),
    struck=st.none() | NUMBERS,
)
TEXTS = st.lists(st.text(min_size=1, max_size=5), max_size=2).map(tuple)
SURVEYS = st.builds(
    Survey,
    memory=st.lists(LIMITS, max_size=3).map(tuple),
    counts=st.lists(LIMITS, max_size=3).map(tuple),
    unlimited=st.lists(st.sampled_from(NAMES), max_size=3).map(tuple),
    unreadable=TEXTS,
    notes=TEXTS,
    rss_bytes=NUMBERS,
    address_space_bytes=NUMBERS,
)
VARIABLES = st.dictionaries(
    st.sampled_from(
        ["wait_timeout", "session.wait_timeout", "idle_session_timeout", "sort_buffer_size", "innodb_buffer_pool_size"]
    ),
    WORDS,
)
SERVERS = st.builds(
    ServerFacts,
    dialect=st.sampled_from(["mysql", "postgresql", "sqlite"]),
    flavour=st.just("other"),
    version=st.lists(st.integers(0, 99), max_size=3).map(tuple),
    version_text=st.text(max_size=5),
    variables=VARIABLES,
    status=VARIABLES,
    units=st.dictionaries(st.just("idle_session_timeout"), st.sampled_from(["ms", "s", "8kB", "?"])),
    account=st.none() | st.builds(Account, user=st.text(max_size=5), max_connections=st.none() | NUMBERS),
    max_connections=st.none() | NUMBERS,
    reserved_connections=NUMBERS,
    connections_now=st.none() | NUMBERS,
    connections_most=st.none() | NUMBERS,
    memory_bytes=st.none() | NUMBERS,
    is_local=st.booleans(),
    in_between=st.sampled_from([None, "ProxySQL"]),
    unread=st.dictionaries(st.sampled_from(["grants", "account"]), st.text(max_size=5)),
)
SETTINGS = st.sampled_from(
    [
        settings(url, **given)
        for url in (URL, ASYNCMY, POSTGRES, SQLITE)
        for given in (
            {},
            {"ENVIRONMENT": "production", "DB_POOL_SIZE": "1", "DB_MAX_OVERFLOW": "0", "DB_POOL_TIMEOUT": "0.1"},
            {
                "DB_POOL_SIZE": "1000",
                "DB_MAX_OVERFLOW": "1000",
                "DB_POOL_MAX_WAITING": "0",
                "DB_CONNECT_TIMEOUT": "3600",
            },
            {"DB_POOL_SIZE": "auto", "DB_STATEMENT_TIMEOUT": "0", "DB_POOL_MIN_IDLE": "1000", "DB_POOL_RECYCLE": "1"},
        )
    ]
)
SERVICES = st.sampled_from(
    [service(), service(REQUEST_TIMEOUT="0"), service(REQUEST_TIMEOUT="0.2", MAX_CLIENT_CONNECTIONS="1000000")]
)
TOPOLOGIES = st.sampled_from(
    [
        topology(),
        topology(WEB_CONCURRENCY=256, DEPLOY_HOSTS=10_000, DEPLOY_ENGINES=100, DEPLOY_OTHER_CONNECTIONS=100_000),
        topology(DEPLOY_OVERLAP=0, DEPLOY_PROXY_TIMEOUT="0", DEPLOY_STOP_TIMEOUT="0", DEPLOY_DB_PROXY_IDLE="0.3"),
        topology(WEB_CONCURRENCY=3, DEPLOY_OVERLAP=33, DEPLOY_PROXY_TIMEOUT="0.2", DEPLOY_STOP_TIMEOUT="1"),
    ]
)
FLOATS = st.sampled_from([0.0, 0.001, 3.0, 1e9, -1.0, float("nan"), float("inf")]) | st.floats()
FACTS = st.builds(
    Facts,
    settings=known(SETTINGS),
    service=known(SERVICES),
    topology=known(TOPOLOGIES),
    host=known(SURVEYS),
    arenas=known(st.builds(Arenas, threads=NUMBERS, most=NUMBERS, source=st.just("somebody"))),
    server=known(SERVERS),
    connect_s=known(FLOATS),
    app=known(
        st.builds(
            AppFacts,
            name=st.just("app"),
            engines=st.lists(st.none() | NUMBERS, max_size=3).map(tuple),
            has_migrations=st.booleans(),
            server_options=st.dictionaries(WORDS, WORDS, max_size=2),
            silenced_loggers=st.none() | TEXTS,
        )
    ),
    utc_offset_s=known(FLOATS),
    versions=st.dictionaries(st.sampled_from(["sqlalchemy", "aiomysql", "asyncmy", "PyMySQL", "uvloop"]), WORDS),
    environ=st.dictionaries(
        st.sampled_from(["GUNICORN_CMD_ARGS", "UVICORN_RELOAD", "UVICORN_SSL_KEYFILE", "PYTHONMALLOC", "TZ"]), WORDS
    ),
)


@examples(deadline=None)
@given(FACTS)
def test_a_check_answers_whatever_the_facts(facts: Facts) -> None:
    """It raises nothing but what says that a fact is not known or not there, and no secret is in its answer."""
    for check_id in OURS:
        try:
            verdict = BY_ID[check_id].look(facts)
        except (UnknownError, IrrelevantError):
            continue
        assert isinstance(verdict, (Passed, Found, NotApplicable, CouldNot))
        assert SECRET not in repr(verdict)
