"""One browser and one made-up service for the tests of a module."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser

from tests.console.browser import DESKTOP, Scheme, Watched, chromium, watched
from tests.console.service import FakeService, Served

Visit = Callable[..., Watched]


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
