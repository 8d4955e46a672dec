"""SQLAlchemy's own tests of its pools, run on ours."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.pool.sqlalchemy_own import source
from tests.pool.sqlalchemy_own.not_applicable import CANCELLATION, ENGINE, NOT_APPLICABLE, POOL, RECONNECT
from tests.pool.sqlalchemy_own.outcomes import OUTCOMES_PATH, Outcome, read_outcomes
from tests.servers import TestDatabase
from tests.servers.environment import REPOSITORY, clean_environ

LIMIT_S = 300.0
"""The slowest run takes 50 s on two cores; some of the tests wait on purpose."""

FLOOR = 250
"""265 tests passed with our pool in them when this was written: far fewer, and it is not in their place any more."""

FLOOR_ON_SERVERS = 50


@pytest.fixture
def tests(request: pytest.FixtureRequest) -> Path:
    """The folder of SQLAlchemy's source distribution; the test fails where it cannot be had."""
    cache = request.config.cache
    assert cache is not None
    try:
        return source.unpacked(cache.mkdir("sqlalchemy"))
    except source.FetchError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.mark.timeout(LIMIT_S + source.FETCH_LIMIT_S + 60)
def test_sqlalchemys_own_pool_tests_pass_except_those_that_do_not_apply(tests: Path, tmp_path: Path) -> None:
    """Each that is listed as not applicable exists, each other one passes, and enough of them use our pool."""
    files = (POOL, RECONNECT, CANCELLATION, ENGINE)
    outcomes = run(tests, f"sqlite+aiosqlite:///{tmp_path}/theirs.sqlite3", files, tmp_path)
    listed = [name for names in NOT_APPLICABLE.values() for name in names]
    found = {name for name, outcome in outcomes.items() if outcome.outcome == "left out"}
    gone = [name for name in listed if name not in found and not any(one.startswith(f"{name}::") for one in found)]
    assert gone == [], "listed as not applicable, but SQLAlchemy has no such tests any more"
    assert_passed(outcomes, FLOOR)


@pytest.mark.timeout(LIMIT_S + source.FETCH_LIMIT_S + 60)
@pytest.mark.parametrize("driver", ["asyncpg", "aiomysql"])
def test_their_tests_of_cancellation_and_reconnection_pass_on_real_servers(
    driver: str, tests: Path, tmp_path: Path, database: TestDatabase
) -> None:
    """A cancellation at every await of a session, a connection, a close; lost connections of all kinds."""
    # SQLAlchemy's own fixtures make engines by URL alone, and psycopg's name alone means the synchronous one.
    url = database.url_for(driver).replace("+psycopg:", "+psycopg_async:")
    assert_passed(run(tests, url, (RECONNECT, CANCELLATION), tmp_path), FLOOR_ON_SERVERS)


def run(tests: Path, url: str, files: tuple[str, ...], folder: Path) -> dict[str, Outcome]:
    """How the tests of these files end in a pytest of their own."""
    outcomes = folder / "outcomes.json"
    env = clean_environ() | {OUTCOMES_PATH: str(outcomes)}
    env["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY), env["PYTHONPATH"]])
    # -s: their conftest takes the SQLAlchemy that is installed, and not the one beside the tests.
    command = [sys.executable, "-s", "-m", "pytest", "-p", "tests.pool.sqlalchemy_own.stand_in", "--dburi", url]
    without = [word for plugin in ("asyncio", "cacheprovider", "hypothesispytest") for word in ("-p", f"no:{plugin}")]
    paths = [name.removesuffix("::") for name in files]
    done = subprocess.run(
        [*command, *without, "--timeout=60", *paths],
        cwd=tests,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    ended = outcomes.exists() and done.returncode in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    assert ended, f"their pytest did not come to its end:\n{done.stdout[-8000:]}"
    return read_outcomes(outcomes)


def assert_passed(outcomes: dict[str, Outcome], floor: int) -> None:
    """None failed, and of those that passed so many used our pool."""
    failed = {name: outcome.report for name, outcome in outcomes.items() if outcome.outcome == "failed"}
    assert not failed, "\n\n".join(f"{name}\n{report}" for name, report in failed.items())
    counts = Counter(outcome.outcome for outcome in outcomes.values())
    with_ours = sum(outcome.used for outcome in outcomes.values() if outcome.outcome == "passed")
    print(f"SQLAlchemy's own tests: {dict(counts)}; of those that passed, {with_ours} used this pool")
    assert with_ours >= floor, f"only {with_ours} tests used this pool: {counts}"
