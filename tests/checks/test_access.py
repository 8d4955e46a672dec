"""Checks of the account and of TLS, on real servers; what loopback cannot show is made up."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pymysql
import pytest
from sqlalchemy import make_url

from plimsoll import DatabaseSettings
from plimsoll.checks.facts import Facts
from plimsoll.checks.gather_database import _is_full
from plimsoll.checks.registry import check_of
from plimsoll.checks.runner import run_checks
from plimsoll.checks.verdict import CouldNot, Found, Known, NotApplicable, Passed, Verdict
from plimsoll.server.facts import Account, ServerFacts
from plimsoll.server.privileges import Privileges
from tests.checks.conftest import OURS, Deployment
from tests.servers import TestDatabase

Deploy = Callable[[TestDatabase], Deployment]


@pytest.fixture
def served(deploy: Deploy, server_database: TestDatabase) -> Deployment:
    """A good deployment on MariaDB and PostgreSQL in turn, its schema made."""
    found = deploy(server_database)
    found.least_powers()
    found.migrate()
    return found


def apply(deployment: Deployment, texts: list[str]) -> None:
    """Run what a finding gave to paste, as the administrator."""
    for text in texts:
        for statement in text.splitlines():
            deployment.database.sql(statement)


def account(deployment: Deployment) -> str:
    """The account as GRANT and REVOKE name it."""
    user = deployment.database.user
    return f"'{user}'@'%'" if deployment.database.kind == "mariadb" else str(user)


def test_a_wrong_password_is_not_a_dead_server(served: Deployment) -> None:
    """The server's words, and neither password."""
    database = served.database
    served.set(DATABASE_URL=database.url.replace(str(database.password), "hush-hush"))
    ended = served.command("check", *OURS)
    assert "CRITICAL  PL011  The database refuses the account" in ended.out
    assert "hush" not in ended.printed
    checked = served.check()
    assert (checked.status, checked.found) == (1, {"PL011"})
    assert checked["PL010"]["verdict"] == "passed"
    assert {"PL012", "PL013", "PL110", "PL120"} <= checked.unknown


def test_a_database_that_does_not_exist_is_a_refusal(served: Deployment) -> None:
    """Its name is told."""
    served.set(DATABASE_URL=served.database.url.replace(f"/{served.database.name}", "/nothing_of_this_name"))
    checked = served.check()
    assert checked.found == {"PL011"}
    assert "nothing_of_this_name" in checked["PL011"]["evidence"]


def test_a_full_server_is_told_from_one_that_is_away(served: Deployment) -> None:
    """The pools hold all that the account may have: to look whether the server runs would lead nowhere."""
    database = served.database
    assert database.server is not None
    postgres = database.kind == "postgres"
    kind = f"ROLE {database.user}" if postgres else f"USER {account(served)}"
    database.server.sql(f"ALTER {kind} {'CONNECTION LIMIT 1' if postgres else 'WITH MAX_USER_CONNECTIONS 1'}")
    url = make_url(database.url)
    module, more = (psycopg, {"dbname": url.database}) if postgres else (pymysql, {})
    holder = module.connect(host=url.host, port=url.port, user=url.username, password=url.password, **more)
    try:
        checked = served.check("--only", "PL010")
    finally:
        holder.close()
    assert checked.found == {"PL010"}
    assert checked["PL010"]["fix"].startswith("The server runs, and all connections")


def test_a_server_without_the_tls_that_is_demanded_is_told_as_such(served: Deployment) -> None:
    """It runs and is let through to: what is to be looked at are the settings of TLS."""
    served.set(DB_SSL_MODE="require")
    checked = served.check()
    assert checked.found == {"PL010"}
    assert "that the server offers TLS" in checked["PL010"]["fix"]


def test_a_sqlite_file_that_is_not_there_is_found_and_not_made(deploy: Deploy, sqlite_database: TestDatabase) -> None:
    """'plimsoll migrate' makes it."""
    found = deploy(sqlite_database)
    checked = found.check()
    assert (checked.found, checked.fix("PL010")) == ({"PL010"}, ["plimsoll migrate"])
    assert sqlite_database.path is not None
    assert not sqlite_database.path.exists()


def test_an_account_that_may_only_read_is_told_what_it_lacks(served: Deployment) -> None:
    """The rest is still checked, and the statements that are given help."""
    database, who = served.database, account(served)
    if database.kind == "mariadb":
        database.sql(f"REVOKE ALL ON `{database.name}`.* FROM {who}")
        database.sql(f"GRANT SELECT ON `{database.name}`.* TO {who}")
    else:
        database.sql(f"REASSIGN OWNED BY {who} TO harness")
        database.sql("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        database.sql(f"GRANT USAGE ON SCHEMA public TO {who}")
        database.sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {who}")
    checked = served.check("--require", "items.performance_team_profile")
    assert (checked.status, checked.found) == (1, {"PL013", "PL014"})
    assert "lacks INSERT, UPDATE, DELETE" in checked["PL013"]["evidence"]
    if database.kind == "postgres":
        assert "tables belong to another role" in checked["PL014"]["evidence"]
    for id_ in ("PL003", "PL010", "PL011", "PL100", "PL101", "PL110", "PL111", "PL112", "PL120"):
        assert checked[id_]["verdict"] == "passed", checked[id_]
    apply(served, checked.fix("PL013"))
    assert served.check()["PL013"]["verdict"] == "passed"
    apply(served, checked.fix("PL014"))
    assert served.check()["PL014"]["verdict"] == "passed"


def test_a_key_that_counts_by_itself_needs_its_sequence(deploy: Deploy, postgres_database: TestDatabase) -> None:
    """All privileges on every table let no row in; what is given to paste does, in a schema of another name too."""
    found = deploy(postgres_database)
    found.least_powers()
    user = postgres_database.user
    postgres_database.sql(f"CREATE SCHEMA shop AUTHORIZATION {user}")
    postgres_database.sql(f"ALTER ROLE {user} SET search_path = shop")
    found.migrate()
    postgres_database.sql(f"CREATE ROLE {user}_owner")
    postgres_database.sql(f"ALTER SCHEMA shop OWNER TO {user}_owner")
    postgres_database.sql(f"REASSIGN OWNED BY {user} TO {user}_owner")
    postgres_database.sql(f"GRANT USAGE ON SCHEMA shop TO {user}")
    postgres_database.sql(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA shop TO {user}")
    try:
        checked = found.check()
        assert checked.found == {"PL013", "PL014"}
        assert checked["PL013"]["evidence"].endswith(
            f"lacks USAGE ON SEQUENCES on the schema shop of {postgres_database.name}"
        )
        apply(found, [*checked.fix("PL013"), *checked.fix("PL014")])
        assert found.check().found == set()
    finally:
        postgres_database.sql(f"REASSIGN OWNED BY {user}_owner TO {user}")
        postgres_database.sql(f"DROP OWNED BY {user}_owner")
        postgres_database.sql(f"DROP ROLE {user}_owner")


def test_grants_table_by_table_are_not_added_up(on_mariadb: Deployment) -> None:
    """It says that it could not tell, and does not pass."""
    database, who = on_mariadb.database, account(on_mariadb)
    database.sql(f"REVOKE ALL ON `{database.name}`.* FROM {who}")
    database.sql(f"GRANT SELECT ON `{database.name}`.* TO {who}")
    database.sql(f"GRANT INSERT, UPDATE, DELETE ON `{database.name}`.items TO {who}")
    checked = on_mariadb.check()
    assert {"PL013", "PL014"} <= checked.unknown
    assert "table by table" in checked["PL013"]["why"]


@pytest.mark.parametrize(
    ("powers", "level"),
    [("PROCESS", "warning"), ("PROCESS, SUPER", "error"), ("ALL PRIVILEGES", "error"), ("SELECT", "warning")],
)
def test_too_many_powers_are_found_and_taken_away(on_mariadb: Deployment, powers: str, level: str) -> None:
    """The statements that are given leave the service what it needs, even where that came by the powers alone."""
    database, who = on_mariadb.database, account(on_mariadb)
    database.sql(
        f"GRANT {powers} ON *.* TO {who} WITH GRANT OPTION" if level == "error" else f"GRANT {powers} ON *.* TO {who}"
    )
    if powers.startswith("ALL"):
        database.sql(f"REVOKE ALL ON `{database.name}`.* FROM {who}")
    checked = on_mariadb.check()
    assert (checked.found, checked["PL012"]["level"]) == ({"PL012"}, level)
    apply(on_mariadb, checked.fix("PL012"))
    after = on_mariadb.check()
    assert after.status == 0
    assert [after[id_]["verdict"] for id_ in ("PL012", "PL013", "PL014")] == ["passed"] * 3


def test_powers_in_postgresql_are_found_and_taken_away(deploy: Deploy, postgres_database: TestDatabase) -> None:
    """Those of a role that may be taken too, and a built-in role."""
    found = deploy(postgres_database)
    found.migrate()
    postgres_database.sql(f"GRANT pg_read_server_files TO {postgres_database.user}")
    postgres_database.sql(f"ALTER ROLE {postgres_database.user} CREATEROLE")
    checked = found.check()
    assert checked.found == {"PL012"}
    for power in ("CREATEROLE", "PG_READ_SERVER_FILES", "SUPERUSER BY SET ROLE harness"):
        assert power in checked["PL012"]["evidence"]
    apply(found, checked.fix("PL012"))
    after = found.check()
    assert after["PL012"]["verdict"] == "passed"
    assert after.found == set()


# What no server on this machine can show.

REMOTE = ServerFacts("mysql", "mariadb", (10, 11), "10.11", account=Account("shop", "%"), database="shop")
URL = "mysql+aiomysql://shop:hush@db.example.in/shop"


def verdict(id_: str, facts: Facts) -> Verdict:
    """What a check makes of facts that the test makes up."""
    return run_checks([check_of(id_)], facts)[0].verdict


def remote(server: ServerFacts | None = REMOTE, **settings: str) -> Facts:
    """A deployment whose database is on another machine."""
    return Facts(
        settings=Known(DatabaseSettings(database_url=URL, **settings)),
        server=Known(server) if server else Known(why="the database could not be reached (PL010)"),
    )


def test_a_remote_connection_without_tls_is_found() -> None:
    """Also where the server could not be asked, by what the settings say."""
    for facts in (remote(), remote(None)):
        found = verdict("PL015", facts)
        assert isinstance(found, Found)
        assert [change.text for change in found.changes] == ["DB_SSL_MODE=verify-full", "DB_SSL_CA=/path/to/ca.pem"]
        assert "db.example.in" in found.evidence
        assert "hush" not in found.evidence
        assert isinstance(verdict("PL016", facts), NotApplicable)


def test_tls_that_is_spoken_passes_and_unchecked_certificates_are_found() -> None:
    """`require` is an error, `verify-ca` a warning, `verify-full` is well."""
    for mode, level in (("require", "ERROR"), ("verify-ca", "WARNING"), ("verify-full", None)):
        facts = remote(replace(REMOTE, tls="TLSv1.3"), ssl_mode=mode)
        assert verdict("PL015", facts) == Passed("the connection speaks TLSv1.3")
        (result,) = run_checks([check_of("PL016")], facts)
        assert (result.level.name if isinstance(result.verdict, Found) else None) == level


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "db"])
def test_this_machine_needs_no_tls(host: str) -> None:
    """Loopback by its address; any other name where the server is known to be here."""
    settings = DatabaseSettings(database_url=f"mysql+aiomysql://shop:hush@{host}/shop")
    server: Known[ServerFacts] = Known(replace(REMOTE, is_local=True)) if host == "db" else Known(why="not asked")
    facts = Facts(settings=Known(settings), server=server)
    assert isinstance(verdict("PL015", facts), NotApplicable)
    assert isinstance(verdict("PL016", facts), NotApplicable)


def test_sqlite_has_neither_accounts_nor_tls(on_sqlite: Deployment) -> None:
    """Not applicable, with the reason."""
    checked = on_sqlite.check()
    assert {checked[id_]["why"] for id_ in ("PL012", "PL013", "PL014")} == {"SQLite has no accounts"}
    assert checked["PL015"]["why"] == "SQLite is a file, not a server"


def test_an_account_that_could_not_be_read_does_not_pass() -> None:
    """Nor one whose grants are hidden."""
    unread = {"account": "refused", "grants": "refused"}
    hidden = replace(REMOTE, unread=unread)
    assert isinstance(verdict("PL012", remote(hidden)), CouldNot)
    assert isinstance(verdict("PL012", remote(replace(hidden, account=None))), CouldNot)
    facts = replace(remote(), privileges=Known(Privileges(data=("INSERT",), unclear="they come by a role")))
    assert isinstance(verdict("PL013", facts), CouldNot)


def test_a_sqlite_file_elsewhere_is_found_by_its_path(
    deploy: Deploy, sqlite_database: TestDatabase, tmp_path: Path
) -> None:
    """A path relative to the service's directory is told as it is written."""
    found = deploy(sqlite_database)
    found.set(DATABASE_URL="sqlite+aiosqlite:///sub/none.db")
    assert "sub/none.db does not exist" in found.check()["PL010"]["evidence"]
    assert list(tmp_path.glob("sub")) == []


def test_a_file_that_is_no_database_is_not_taken_for_a_server(on_sqlite: Deployment) -> None:
    """The advice is about the file."""
    assert on_sqlite.database.path is not None
    on_sqlite.database.path.write_text("not a database, and longer than a header of SQLite's is: " * 4)
    found = on_sqlite.check()["PL010"]
    assert "file is not a database" in found["evidence"]
    assert found["fix"].startswith("See what is at that path")


@pytest.mark.parametrize(
    ("state", "words", "full"),
    [
        ("53300", "sorry, too many clients already", True),
        ("53200", "out of memory", False),
        ("53100", "could not extend file: No space left on device", False),
        ("08004", "Too many connections (error 1040)", True),
        ("42000", "User 'x' has exceeded the 'max_user_connections' resource (current value: 5) (error 1226)", True),
        (None, "User 'x' has exceeded the 'max_questions' resource (current value: 50000) (error 1226)", False),
    ],
)
def test_only_connections_that_are_all_taken_make_a_server_full(state: str | None, words: str, full: bool) -> None:
    """Not what a hoster allows by the hour, nor a disk or memory, which have the same numbers."""
    error = SimpleNamespace(orig=SimpleNamespace(sqlstate=state))
    assert _is_full(error, words) is full  # type: ignore[arg-type]
