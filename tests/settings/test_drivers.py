"""A driver that is not installed, or not safe, is refused at start with the command that helps."""

import importlib.metadata
import importlib.util

import pytest

from plimsoll.settings.drivers import DRIVERS
from tests.settings.reading import read, refused_read

EXTRAS = {
    "mysql+aiomysql": "plimsoll[mysql]",
    "mysql+asyncmy": "plimsoll[asyncmy]",
    "postgresql+asyncpg": "plimsoll[postgres]",
    "postgresql+psycopg": "plimsoll[psycopg]",
}


@pytest.fixture
def without_drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which no driver is installed."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


def asyncmy_has_version(monkeypatch: pytest.MonkeyPatch, version: str | None) -> None:
    """Make asyncmy say that it has this version, or none."""

    def tell(name: str) -> str:
        if version is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(importlib.metadata, "version", tell)


@pytest.mark.usefixtures("without_drivers")
@pytest.mark.parametrize(("scheme", "extra"), EXTRAS.items())
def test_a_missing_driver_is_refused_with_the_extra_that_brings_it(scheme: str, extra: str) -> None:
    """The message has the package and the pip command."""
    what = refused_read(DATABASE_URL=f"{scheme}://u:p@h/d")["DATABASE_URL"].what
    assert f"needs the package {DRIVERS[scheme].package}, which is not installed" in what
    assert f'pip install "{extra}"' in what


@pytest.mark.usefixtures("without_drivers")
def test_a_missing_driver_is_found_for_mysql_parts_too() -> None:
    """MYSQL_* need aiomysql as a mysql:// URL does."""
    problems = refused_read(MYSQL_HOST="h", MYSQL_USER="u", MYSQL_DATABASE="d")
    assert 'pip install "plimsoll[mysql]"' in problems["MYSQL_HOST"].what


@pytest.mark.parametrize("version", ["0.2.12", "0.2.9", "0.2.13rc1", "unknown", None])
def test_asyncmy_that_may_mix_up_rows_is_refused(monkeypatch: pytest.MonkeyPatch, version: str | None) -> None:
    """Versions are compared as versions (0.2.9 is older than 0.2.13); one that cannot be told is not trusted."""
    asyncmy_has_version(monkeypatch, version)
    what = refused_read(DATABASE_URL="mysql+asyncmy://u:p@h/d")["DATABASE_URL"].what
    assert "needs asyncmy 0.2.13 or later" in what


@pytest.mark.parametrize("version", ["0.2.13", "0.2.100", "0.10.0", "1.0"])
def test_asyncmy_from_the_floor_on_is_accepted(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """The floor itself is good."""
    asyncmy_has_version(monkeypatch, version)
    assert read(DATABASE_URL="mysql+asyncmy://u:p@h/d").url.drivername == "mysql+asyncmy"
