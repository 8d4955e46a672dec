"""Servers that no test can start: MySQL itself, proxies, and those that answer nonsense."""

from __future__ import annotations

import dataclasses
import socket
from decimal import Decimal

import pytest
from sqlalchemy import URL

from plimsoll.server import ServerFacts
from plimsoll.server.facts import LockWait
from tests.server.asking import Answers, OddServer

MYSQL: dict[str, Answers] = {
    "SELECT VERSION()": [("8.0.36",)],
    "version_comment": [("MySQL Community Server - GPL",)],
    "SHOW GLOBAL VARIABLES": [("Max_Connections", "151"), ("max_user_connections", "0"), ("hostname", "db1")],
    "SHOW SESSION VARIABLES": [("max_user_connections", "30"), ("transaction_isolation", "READ-COMMITTED")],
    "SHOW GLOBAL STATUS": [("Threads_connected", "4"), ("Max_used_connections", "9"), ("Uptime", "100")],
    "CONNECTION_ID": [(5,)],
    "CURRENT_USER": [("app@10.%",)],
    "SHOW GRANTS": [("GRANT SELECT ON `app`.* TO `app`@`10.%`",)],
    "processlist": [(5, "app", "h:1", "app", "Query", 0, ""), (6, b"app", "h:2", None, "Sleep", -3, None)],
    "innodb_trx": [(6, Decimal("2.5"), None)],
    "Ssl_version": [("Ssl_version", "TLSv1.2")],
    "character_set_database": [("utf8mb4", "utf8mb4_0900_ai_ci")],
    "information_schema.tables": [("t", "InnoDB", "utf8mb4_0900_ai_ci"), ("view", None, None)],
    "DATABASE()": [("app",)],
}


async def mysql(**answers: Answers) -> ServerFacts:
    """The facts of a MySQL whose answers to the statements with these words are others."""
    others = {words.replace("__", " "): answer for words, answer in answers.items()}
    kept = {words: answer for words, answer in MYSQL.items() if words not in others}
    server = OddServer("mysql", others | kept)
    facts = await server.facts()
    assert not server.in_transaction
    return facts


async def test_a_mysql_is_told_from_a_mariadb() -> None:
    """With its own names, types and order of things."""
    facts = await mysql()
    assert (facts.flavour, facts.version) == ("mysql", (8, 0, 36))
    assert facts.max_connections == 151
    assert facts.account is not None
    assert (facts.account.user, facts.account.host, facts.account.max_connections) == ("app", "10.%", 30)
    assert facts.variables["session.transaction_isolation"] == "READ-COMMITTED"
    (client,) = facts.clients
    assert (client.id, client.user, client.database) == (6, "app", None)
    assert (client.state, client.seconds, client.transaction_s) == ("idle in transaction", 0.0, 2.5)
    assert facts.tls == "TLSv1.2"
    assert facts.tables["view"] == {"engine": "", "charset": "", "collation": ""}
    assert facts.unread == {}


@pytest.mark.parametrize(
    ("version", "comment", "flavour"),
    [
        ("8.0.36-28", "Percona Server (GPL), Release 28", "percona"),
        ("5.5.5-10.6.12-MariaDB-log", "", "mariadb"),
        ("5.7.25-TiDB-v7.1.0", "TiDB Server (Apache License 2.0)", "other"),
        ("8.0.30-Vitess", "", "other"),
        ("nonsense", "", "other"),
    ],
)
async def test_the_flavour_is_what_the_server_calls_itself(version: str, comment: str, flavour: str) -> None:
    """And `other` for what only speaks MySQL's protocol."""
    facts = await mysql(SELECT__VERSION=[(version,)], version_comment=[(comment,)])
    assert facts.flavour == flavour
    if flavour == "mariadb":
        assert facts.version == (10, 6, 12)


async def test_the_accounts_limit_is_in_its_grants_too() -> None:
    """Where the session's variables cannot be read; 0 for every account is no limit."""
    limited = ("GRANT USAGE ON *.* TO `app`@`%` WITH MAX_USER_CONNECTIONS 7",)
    facts = await mysql(SHOW__GRANTS=[limited], SHOW__SESSION__VARIABLES=RuntimeError("not now"))
    assert facts.unread["session variables"] == "not now"
    assert facts.account is not None
    assert facts.account.max_connections == 7
    unlimited = (await mysql(SHOW__SESSION__VARIABLES=[("max_user_connections", "0")])).account
    assert unlimited is not None
    assert (unlimited.max_connections, unlimited.max_connections_source) == (None, "")


@pytest.mark.parametrize(
    ("host", "hostname", "is_local"),
    [
        ("localhost", socket.gethostname(), True),
        ("127.0.0.1", socket.gethostname(), True),
        (socket.gethostname(), socket.gethostname(), True),
        ("localhost", "another-machine", False),
        ("localhost", "", False),
        ("db.example.org", socket.gethostname(), False),
    ],
)
async def test_a_server_is_local_where_its_machine_has_our_name(host: str, hostname: str, is_local: bool) -> None:
    """An address of the loop may be a tunnel's end or a container's port."""
    answers = MYSQL | {"SHOW GLOBAL VARIABLES": [("hostname", hostname)]}
    server = OddServer("mysql", answers, url=URL.create("mysql+aiomysql", host=host).render_as_string())
    assert (await server.facts()).is_local is is_local


async def test_a_proxy_is_named_by_what_it_answers() -> None:
    """ProxySQL answers for the version's comment itself; MaxScale puts its name into the version."""
    facts = await mysql(version_comment=[("(ProxySQL)",)])
    assert (facts.in_between, facts.tls) == ("ProxySQL", None)
    assert "ProxySQL" in facts.unread["tls"]
    assert (await mysql(version_comment=[("MaxScale 23.08",)])).in_between == "MaxScale"


@pytest.mark.parametrize("odd", ["many", "-1", "", "1e3", "\u0663", "9" * 400, None])
async def test_a_number_that_is_none_is_unknown_and_never_taken_for_one(odd: str | None) -> None:
    """It is noted with what the server said."""
    facts = await mysql(
        SHOW__GLOBAL__VARIABLES=[("max_connections", odd)], SHOW__GLOBAL__STATUS=[("Threads_connected", odd)]
    )
    assert facts.max_connections is None
    assert "is not a number" in facts.unread["max_connections"]
    assert facts.connections_now is None
    assert len(facts.unread["max_connections"]) < 200
    assert facts.unread["uptime"] == "the server does not tell it"


async def test_rows_of_the_wrong_shape_are_left_out_and_noted() -> None:
    """Missing columns, NULL and words where numbers are expected: the good rows are kept."""
    facts = await mysql(
        processlist=[(None, "x"), ("six", "app", "", "", "", "", ""), (7, "app", "h", "app", "Query", "soon", ""), ()],
        innodb_trx=[("x", "y", None), (None, None, None)],
        SHOW__GLOBAL__VARIABLES=[("only",), (), (None, None), ("max_connections", "10")],
        information__schema=[],
    )
    assert facts.clients == ()
    assert "not what was asked for" in facts.unread["clients"]
    assert not facts.sees_all_clients
    assert "not what was asked for" in facts.unread["variables"]
    assert facts.max_connections == 10
    assert facts.tls == "TLSv1.2"


@pytest.mark.parametrize("rows", [[], [(None,)], [("",)], [("GRANT ALL PRIVILEGES O",)]])
async def test_grants_that_are_missing_or_cut_short_are_noted(rows: list[tuple[object, ...]]) -> None:
    """No powers seen is not the same as none given."""
    facts = await mysql(SHOW__GRANTS=rows)
    assert "grants" in facts.unread
    assert not facts.sees_all_clients


async def test_every_question_may_fail_by_itself() -> None:
    """A server that refuses all that is asked still gives an answer, which says so of each."""

    class RefusedError(Exception):
        pass

    for dialect in ("mysql", "postgresql", "sqlite"):
        server = OddServer(dialect, {"": RefusedError(1142, "SELECT command denied")})
        facts = await server.facts()
        assert facts.dialect == dialect
        assert facts.max_connections is None
        assert facts.version == ()
        assert not server.in_transaction
        asked = [words for words in facts.unread.values() if words == "SELECT command denied (error 1142)"]
        assert len(asked) >= min(12, len(server.asked) - 1)


@pytest.mark.parametrize("dialect", ["mysql", "postgresql", "sqlite"])
@pytest.mark.parametrize("row", [(), (None,), ("nonsense",), (object(), b"\xff"), (1, 2, 3, 4, 5, 6, 7, 8, 9)])
async def test_the_same_nonsense_to_every_question_breaks_nothing(dialect: str, row: tuple[object, ...]) -> None:
    """Whatever it is."""
    facts = await OddServer(dialect, {"": [row]}).facts()
    assert facts.max_connections is None
    assert facts.clients == ()


async def test_variables_that_may_hold_secrets_are_not_kept() -> None:
    """Switches and numbers about passwords are; connection strings and commands are not."""
    secret = "hunter2"
    facts = await mysql(
        SHOW__GLOBAL__VARIABLES=[
            ("wsrep_sst_auth", f"root:{secret}"),
            ("hashicorp_key_management_token", secret),
            ("report_password", "12345678"),
            ("default_password_lifetime", "90"),
            ("innodb_ft_min_token_size", "3"),
            ("strict_password_validation", "ON"),
        ]
    )
    assert secret not in repr(dataclasses.asdict(facts))
    assert "12345678" not in repr(dataclasses.asdict(facts))
    assert facts.number("innodb_ft_min_token_size") == 3
    assert facts.number("default_password_lifetime") == 90
    assert facts.on("strict_password_validation")
    postgres = OddServer(
        "postgresql",
        {
            "pg_settings": [
                ("primary_conninfo", f"host=x password={secret}", None, ""),
                ("restore_command", secret, None, ""),
            ]
        },
    )
    assert secret not in repr(dataclasses.asdict(await postgres.facts()))


async def test_a_version_before_16_reserves_for_superusers_alone() -> None:
    """Later ones also for the members of a role of their own."""
    settings = [("max_connections", "100", None), ("superuser_reserved_connections", "3", None)]
    assert (await OddServer("postgresql", {"pg_settings": settings}).facts()).reserved_connections == 3
    settings.append(("reserved_connections", "5", None))
    assert (await OddServer("postgresql", {"pg_settings": settings}).facts()).reserved_connections == 8


async def test_a_database_that_speaks_like_postgresql_is_other() -> None:
    """Its version is its own."""
    facts = await OddServer("postgresql", {"SELECT version()": [("CockroachDB CCL v23.1.11 (linux)",)]}).facts()
    assert (facts.flavour, facts.version) == ("other", ())


async def test_mysql_is_asked_its_newer_list_of_clients_where_it_has_one() -> None:
    """Later versions warn at each use of the old one, which the drivers pass on to the log."""
    for state, asked in (("ON", "performance_schema"), ("OFF", "information_schema")):
        variables: Answers = [("performance_schema_show_processlist", "OFF"), ("performance_schema", state)]
        server = OddServer("mysql", {**MYSQL, "SHOW GLOBAL VARIABLES": variables})
        assert [client.id for client in (await server.facts()).clients] == [6]
        assert any(f"FROM {asked}.processlist" in statement for statement in server.asked)


WAITING = "Waiting for table metadata lock"


async def test_a_mysql_tells_who_has_a_row_or_a_table_locked() -> None:
    """Of MySQL 8, whose list has also what is not granted: the ALTER TABLE is not to blame, nor who only reads."""
    listed = [(n, "app", "h:1", "app", "Query", 7, WAITING if n in (8, 9) else "updating") for n in range(6, 13)]
    facts = await mysql(
        SHOW__GLOBAL__VARIABLES=[("version", "8.0.36")],
        data_lock_waits=[(n, by, "RECORD", "app.boat") for n, by in ((11, 10), (12, 10), (12, 11))],
        metadata_locks=[
            (7, "SHARED_READ", "GRANTED", "TABLE", "app", "berth"),
            (8, "SHARED_NO_WRITE", "GRANTED", "TABLE", "app", "berth"),
            (8, "EXCLUSIVE", "PENDING", "TABLE", "app", "berth"),
            (9, "SHARED_READ", "PENDING", "TABLE", "app", "berth"),
            (10, "SHARED_WRITE", "GRANTED", "TABLE", "app", "boat"),
        ],
        innodb_trx=[(10, 9.0, None), (11, 8.0, 7.5), (12, 8.0, 7.5)],
        processlist=listed,
    )
    assert {client.id: client.wait for client in facts.clients if client.wait is not None} == {
        8: LockWait("the table app.berth", 7.0, (7,)),
        9: LockWait("the table app.berth", 7.0, (8,)),
        11: LockWait("a row of app.boat", 7.5, (10,)),
        12: LockWait("a row of app.boat", 7.5, (10, 11)),
    }


async def test_who_has_all_tables_locked_is_told() -> None:
    """FLUSH TABLES WITH READ LOCK, as MySQL and as MariaDB tell of it."""
    listed = [(6, "app", "h:1", "app", "Query", 7, "Waiting for global read lock")]
    of_8 = [(9, "SHARED", "GRANTED", "GLOBAL", None, None), (6, "INTENTION_EXCLUSIVE", "PENDING", "GLOBAL", None, None)]
    for version, table, locks in (
        ("8.0.36", "metadata_locks", of_8),
        ("10.11.6-MariaDB", "metadata_lock_info", [(9, "MDL_BACKUP_FTWRL2", "GRANTED", "Backup lock", "", "")]),
    ):
        facts = await mysql(SHOW__GLOBAL__VARIABLES=[("version", version)], **{table: locks}, processlist=listed)
        assert [client.wait for client in facts.clients] == [LockWait("all tables", 7.0, (9,))]


async def test_who_may_not_ask_for_locks_is_told_who_waits() -> None:
    """And the list is no worse for it; where nobody waits nothing is asked."""
    listed = [(6, "app", "h:1", "app", "Query", 7, WAITING), (7, "app", "h:1", "app", "Query", 7, "User lock")]
    facts = await mysql(metadata_lock=RuntimeError("no"), processlist=listed)
    assert [client.wait for client in facts.clients] == [LockWait("a table", 7.0), None]
    assert facts.unread["table locks"] == "no"
    quiet = OddServer("mysql", MYSQL)
    await quiet.facts()
    assert not [each for each in quiet.asked if "metadata_lock" in each or "lock_waits" in each]
