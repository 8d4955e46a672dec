"""One browser, one made-up service and one real service in trouble for the tests of a module."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser

from tests.console.browser import DESKTOP, Scheme, Watched, chromium, watched
from tests.console.service import FakeService, Served
from tests.console.trouble import Troubled
from tests.servers import MariaDbServer, PostgresServer

Visit = Callable[..., Watched]
Trouble = Callable[..., Troubled]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Shared: each page has a context of its own."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """Shared: `fake` sets it back."""
    with Served() as started:
        yield started


@pytest.fixture
def fake(served: Served) -> FakeService:
    """The service as it is at first: healthy, an operator's."""
    served.fake.renew()
    return served.fake


@pytest.fixture
def visit(browser: Browser, served: Served, fake: FakeService) -> Iterator[Visit]:
    """Makes pages, which are closed afterwards."""
    with ExitStack() as stack:

        def make(size: tuple[int, int] = DESKTOP, scheme: Scheme = "light") -> Watched:
            return stack.enter_context(watched(browser, served.url, size, scheme))

        yield make


@pytest.fixture(scope="module")
def _troubled(request: pytest.FixtureRequest) -> Iterator[Trouble]:
    """Real services, one for each kind of database."""
    started: dict[str, Troubled] = {}
    shared = request.getfixturevalue("_shared")
    with ExitStack() as stack:

        def start(kind: str) -> Troubled:
            if kind not in started:
                server = shared.get(MariaDbServer if kind == "mariadb" else PostgresServer, None)
                database = server.create_database()
                stack.callback(database.drop)
                stack.callback(server.heal)
                started[kind] = troubled = Troubled(database)
                stack.callback(troubled.close)
            return started[kind]

        yield start


@pytest.fixture
def trouble(_troubled: Trouble) -> Iterator[Trouble]:
    """Gives the service on a kind of database, to be brought into trouble: it is repaired afterwards."""
    used: dict[str, Troubled] = {}

    def start(kind: str = "mariadb") -> Troubled:
        return used.setdefault(kind, _troubled(kind))

    yield start
    for each in used.values():
        each.repair()
