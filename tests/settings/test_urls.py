"""DATABASE_URL and MYSQL_*: which database is used, through which driver, and what is said about it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.settings import DatabaseSettings
from tests.settings.reading import SQLITE, read, refused, refused_read

PARTS = {"MYSQL_HOST": "db", "MYSQL_USER": "u", "MYSQL_DATABASE": "d"}
KEPT = (
    "mysql+aiomysql",
    "mysql+asyncmy",
    "postgresql+asyncpg",
    "postgresql+psycopg",
)
MAPPED = {
    "mysql": "mysql+aiomysql",
    "mariadb": "mysql+aiomysql",
    "mysql+pymysql": "mysql+aiomysql",
    "mysql+mysqldb": "mysql+aiomysql",
    "mysql+mysqlconnector": "mysql+aiomysql",
    "mariadb+pymysql": "mysql+aiomysql",
    "mariadb+mariadbconnector": "mysql+aiomysql",
    "mariadb+asyncmy": "mysql+asyncmy",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+psycopg2": "postgresql+asyncpg",
    "postgres+psycopg": "postgresql+psycopg",
}


@pytest.mark.parametrize("scheme", KEPT)
def test_async_drivers_are_kept(scheme: str) -> None:
    """A driver of ours is used as it is named, and nothing is said."""
    settings = read(DATABASE_URL=f"{scheme}://u:p@h:99/d")
    assert settings.url.drivername == scheme
    assert (settings.url.host, settings.url.port, settings.url.database) == ("h", 99, "d")
    assert settings.dialect == scheme.partition("+")[0]
    assert settings.notes == ()


@pytest.mark.parametrize(("scheme", "driver"), MAPPED.items())
def test_other_schemes_are_mapped_to_an_async_driver_and_it_is_said(scheme: str, driver: str) -> None:
    """A URL for a synchronous program works, and the note names both drivers."""
    settings = read(DATABASE_URL=f"{scheme}://u:p@h/d")
    assert settings.url.drivername == driver
    assert settings.url.password == "p"
    assert settings.notes == (f"DATABASE_URL begins with {scheme}: the async driver {driver} is used.",)


@pytest.mark.parametrize(
    ("url", "database"),
    [("sqlite://", None), ("sqlite:///x.db", "x.db"), ("sqlite+pysqlite:////a/x.db", "/a/x.db"), (SQLITE, "x.db")],
)
def test_sqlite_is_a_file_or_memory(url: str, database: str | None) -> None:
    """SQLite's URLs keep their path."""
    settings = read(DATABASE_URL=url)
    assert (settings.url.drivername, settings.url.database) == ("sqlite+aiosqlite", database)


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("oracle://u:p@h/d", "names no driver that is supported"),
        ("mysql+trilogy://u:p@h/d", "names no driver that is supported"),
        ("MYSQL://u:p@h/d", "names no driver that is supported"),
        ("mysql:/u:p@h/d", "is not a URL whose parts can be told apart"),
        ("h/d", "is not a URL whose parts can be told apart"),
        ("mysql://u:p@h:port/d", "has an @ or / too many"),
        ("mysql://u:p@p@h/d", "has an @ or / too many"),
        ("mysql://u/u:p@h/d", "has an @ or / too many"),
        ("mysql://u:p@h:0/d", "has a port that is not between 1 and 65535"),
        ("mysql://u:p@h:65536/d", "has a port that is not between 1 and 65535"),
        ("mysql://u:p@h", "names no database"),
        ("mysql://u:p@h/d\n", "has a space or line break at its start or end"),
        (" mysql://u:p@h/d", "has a space or line break at its start or end"),
        ("sqlite://x.db", "names a host, but SQLite is a file"),
        ("mysql://u:p@h/d?password=q", "has two passwords"),
    ],
)
def test_a_wrong_url_is_refused_with_the_reason(url: str, what: str) -> None:
    """Each mistake has its own words, and no URL is guessed at."""
    problem = refused_read(DATABASE_URL=url)["DATABASE_URL"]
    assert what in problem.what
    assert problem.allowed


def test_an_unknown_scheme_is_refused_with_the_schemes() -> None:
    """The message lists what is supported."""
    allowed = refused_read(DATABASE_URL="oracle://u:p@h/d")["DATABASE_URL"].allowed
    for scheme in (*KEPT, "sqlite+aiosqlite", "mysql://", "mariadb://", "postgresql://", "postgres://"):
        assert scheme in allowed


def test_mysql_gets_the_full_character_set_unless_the_url_names_one() -> None:
    """utf8mb4 by default, in both ways to name a MySQL database; PostgreSQL has no such key."""
    assert read(DATABASE_URL="mysql://u@h/d").url.query == {"charset": "utf8mb4"}
    assert read(**PARTS).url.query == {"charset": "utf8mb4"}
    assert read(DATABASE_URL="mysql://u@h/d?charset=latin1&a=b").url.query == {"charset": "latin1", "a": "b"}
    assert read(DATABASE_URL="postgres://u@h/d").url.query == {}


def test_mysql_is_built_from_its_parts() -> None:
    """The note's MYSQL_* settings, with their default port and without a password."""
    settings = read(**PARTS, MYSQL_PORT="3307")
    assert settings.url.render_as_string() == "mysql+aiomysql://u@db:3307/d?charset=utf8mb4"
    assert read(**PARTS).url.port == 3306
    assert settings.dialect == "mysql"
    assert settings.notes == ()


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_any_password_reaches_the_driver_unchanged(password: str) -> None:
    """MYSQL_PASSWORD needs no escapes, whatever characters it has."""
    assert read(**PARTS, MYSQL_PASSWORD=password).url.password == password


def test_missing_parts_of_a_mysql_database_are_named_together() -> None:
    """MYSQL_HOST alone is not enough: each part that is missing is named, also where another is wrong."""
    problems = refused_read(MYSQL_HOST="db", MYSQL_PORT="x")
    assert set(problems) == {"MYSQL_PORT", "MYSQL_USER", "MYSQL_DATABASE"}
    assert problems["MYSQL_USER"].what == "is not set, but MYSQL_HOST is"
    assert problems["MYSQL_USER"].value == "(not set)"
    assert set(refused_read(MYSQL_HOST="db ", MYSQL_USER="u")) == {"MYSQL_HOST", "MYSQL_DATABASE"}


@pytest.mark.parametrize("host", ["db ", "my db", "db:3306", "/run/mysqld.sock", "mysql://db", "u@db", "[::1]"])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    """A port, a path, a URL or a space in MYSQL_HOST would fail later, with worse words."""
    assert "MYSQL_HOST" in refused_read(**PARTS | {"MYSQL_HOST": host})


@pytest.mark.parametrize("host", ["localhost", "db.example.org", "127.0.0.1", "::1", "fe80::1%eth0", "bücher.example"])
def test_names_and_addresses_are_hosts(host: str) -> None:
    """IPv6 addresses are hosts although they have colons."""
    assert read(**PARTS | {"MYSQL_HOST": host}).url.host == host


@pytest.mark.parametrize("name", ["mysql_host", "mysql_user", "mysql_database"])
def test_code_may_not_pass_an_empty_part(name: str) -> None:
    """An empty host would silently be this machine."""
    parts = {key.lower(): value for key, value in PARTS.items()} | {name: ""}
    assert name.upper() in refused(lambda: DatabaseSettings(**parts))


def test_database_url_wins_over_mysql_parts_and_it_is_said() -> None:
    """Both set: the URL is used, also where it is wrong."""
    settings = read(DATABASE_URL=SQLITE, **PARTS)
    assert settings.dialect == "sqlite"
    assert settings.notes == ("MYSQL_* settings are ignored, since DATABASE_URL is set.",)
    assert list(refused_read(DATABASE_URL="x", **PARTS)) == ["DATABASE_URL"]


@pytest.mark.parametrize("key", ["password", "passwd"])
def test_a_password_in_the_query_goes_where_it_is_hidden(key: str) -> None:
    """SQLAlchemy hides a URL's password but not its query."""
    url = read(DATABASE_URL=f"mysql://u@h/d?{key}=hunter2").url
    assert url.password == "hunter2"
    assert url.query == {"charset": "utf8mb4"}
