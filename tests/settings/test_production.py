"""Production is told by exactly the rules of the operator's note, and near misses are said loudly."""

import pytest

from plimsoll.settings import DatabaseSettings
from tests.settings.reading import SQLITE, refused_read

MARKERS = ("taxtower.in",)
HOST = {"MYSQL_HOST": "db.taxtower.in", "MYSQL_USER": "u", "MYSQL_DATABASE": "d"}
LOUD = "THIS RUNS AS DEVELOPMENT."


def settings_of(**environ: str) -> DatabaseSettings:
    """Settings as the note's backend reads them, on SQLite unless a database is named."""
    if "DATABASE_URL" not in environ and "MYSQL_HOST" not in environ:
        environ["DATABASE_URL"] = SQLITE
    return DatabaseSettings.from_env(environ, None, production_hosts=MARKERS)


@pytest.mark.parametrize(
    ("environ", "reason"),
    [
        ({"ENVIRONMENT": "production"}, "ENVIRONMENT=production"),
        ({"ENVIRONMENT": "prod"}, "ENVIRONMENT=prod"),
        ({"ENVIRONMENT": "Production"}, "ENVIRONMENT=Production"),
        ({"PRODUCTION": "true"}, "PRODUCTION=true"),
        ({"PRODUCTION": "TRUE"}, "PRODUCTION=TRUE"),
        ({"PRODUCTION": "1"}, "PRODUCTION=1"),
        ({"PRODUCTION": "yes"}, "PRODUCTION=yes"),
        (HOST, "MYSQL_HOST contains taxtower.in"),
        ({"DATABASE_URL": "mysql://u:p@db.taxtower.in/d"}, "DATABASE_URL contains taxtower.in"),
        ({"DATABASE_URL": "sqlite:////home/taxtower.in/x.db"}, "DATABASE_URL contains taxtower.in"),
        (HOST | {"DATABASE_URL": SQLITE}, "MYSQL_HOST contains taxtower.in"),
        (HOST | {"ENVIRONMENT": "prod", "PRODUCTION": "1"}, "ENVIRONMENT=prod"),
    ],
)
def test_each_rule_alone_makes_it_production_and_is_given_as_the_reason(environ: dict[str, str], reason: str) -> None:
    """Every rule of the note, in the note's order; MYSQL_HOST counts even where DATABASE_URL is used."""
    settings = settings_of(**environ)
    assert settings.production.active
    assert settings.production.reason == reason
    assert LOUD not in "".join(settings.notes)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"ENVIRONMENT": "development", "PRODUCTION": "false"},
        {"ENVIRONMENT": "staging", "PRODUCTION": "0"},
        {"ENVIRONMENT": "preprod", "PRODUCTION": "off"},
        {"DATABASE_URL": "mysql://u:p@db.example.org/d"},
    ],
)
def test_anything_else_is_development_and_quiet(environ: dict[str, str]) -> None:
    """Plainly not production gives no note about it."""
    settings = settings_of(**environ)
    assert not settings.production.active
    assert settings.production.reason == "no production rule matched"
    assert LOUD not in "".join(settings.notes)


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"ENVIRONMENT": "production "}, "ENVIRONMENT='production '"),
        ({"ENVIRONMENT": "prodution"}, "ENVIRONMENT='prodution'"),
        ({"ENVIRONMENT": "prd"}, "ENVIRONMENT='prd'"),
        ({"ENVIRONMENT": "prod-eu"}, "ENVIRONMENT='prod-eu'"),
        ({"PRODUCTION": "on"}, "PRODUCTION='on'"),
        ({"PRODUCTION": "true "}, "PRODUCTION='true '"),
        ({"PRODUCTION": "y"}, "PRODUCTION='y'"),
        (HOST | {"MYSQL_HOST": "db.TaxTower.in"}, "MYSQL_HOST"),
        ({"DATABASE_URL": "mysql://u:p@db.TAXTOWER.IN/d"}, "DATABASE_URL"),
    ],
)
def test_near_misses_are_development_exactly_as_the_note_says_but_loud(environ: dict[str, str], name: str) -> None:
    """The rules are not widened; what was probably meant is said, without the URL."""
    settings = settings_of(**environ)
    assert not settings.production.active
    loud = [note for note in settings.notes if LOUD in note]
    assert len(loud) == 1
    assert loud[0].startswith(name)
    assert "u:p@" not in loud[0]


def test_without_markers_no_host_is_production() -> None:
    """The library itself knows no host; neither is an unset host searched for."""
    settings = DatabaseSettings(database_url="mysql://u:p@db.taxtower.in/d")
    assert not settings.production.active
    assert not DatabaseSettings(production_hosts=("None",)).production.active


def test_markers_are_read_from_the_environment() -> None:
    """PRODUCTION_HOSTS takes several, separated by commas."""
    environ = {"PRODUCTION_HOSTS": "a.example, b.example", "DATABASE_URL": "mysql://u:p@x.b.example/d"}
    settings = DatabaseSettings.from_env(environ, None)
    assert settings.production.reason == "DATABASE_URL contains b.example"


def test_production_without_a_database_is_refused_and_both_ways_are_named() -> None:
    """A forgotten variable must not become an empty SQLite file in production."""
    problem = refused_read(ENVIRONMENT="production")["DATABASE_URL"]
    assert "ENVIRONMENT=production" in problem.what
    assert "DATABASE_URL=mysql://" in problem.allowed
    assert "MYSQL_HOST" in problem.allowed


def test_development_without_a_database_is_a_sqlite_file_and_it_is_said() -> None:
    """The default, and that MYSQL_ settings without a host are not used."""
    settings = DatabaseSettings.from_env({"MYSQL_USER": "u"}, None)
    assert settings.url.render_as_string() == "sqlite+aiosqlite:///plimsoll.db"
    assert settings.dialect == "sqlite"
    assert any("SQLite file plimsoll.db" in note for note in settings.notes)
    assert "MYSQL_USER set without MYSQL_HOST: ignored." in settings.notes
