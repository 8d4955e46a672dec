"""The checks of MySQL and MariaDB, PostgreSQL and SQLite, on facts made by hand: one thing is wrong at a time."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plimsoll.checks.facts import AppFacts, Facts, SchemaFacts
from plimsoll.checks.registry import BY_ID, check_of
from plimsoll.checks.runner import run_checks
from plimsoll.checks.verdict import CouldNot, Found, Known, Level, NotApplicable, Passed
from plimsoll.host import Limit, Place, Survey
from plimsoll.server.facts import Account, ServerClient, ServerFacts
from tests.checks.healthy import (
    DAY_S,
    DIALECT,
    GIB,
    HEALTHY,
    IDS,
    MIB,
    MYSQL,
    PLACE,
    POSTGRESQL,
    SQLITE,
    TABLE,
    changed,
    deployment,
    verdict,
)

SLEEPER = ServerClient(7, "app", "10.0.0.5", "app", "worker", "idle in transaction", 300.0, 301.0)
REMOTE = {"is_local": False, "tls": None}
NFS = Place("/mnt/data.sqlite3", True, True, True, "nfs4", "/mnt")

Row = tuple[str, dict[str, str | None], dict[str, Any], dict[str, str], str, Level]

UNREAD = (
    *("variables", "status", "clients", "tables", "charset", "transactions", "connections", "tls"),
    *("pg_is_in_recovery", "max_connections"),
)

MYSQL_ROWS: list[Row] = [
    ("PL301", {"max_used_connections": "140"}, {}, {}, "140 of 151 connections were in use", Level.WARNING),
    ("PL301", {"max_used_connections": "152"}, {}, {}, "152 of 151", Level.ERROR),
    ("PL302", {"connection_errors_max_connections": "9"}, {}, {}, "9 connections were refused", Level.ERROR),
    ("PL302", {"max_used_connections": "152"}, {}, {}, "152 with max_connections 151: somebody came", Level.WARNING),
    ("PL303", {"connection_errors_peer_address": "4"}, {}, {}, "4 times the client's address", Level.WARNING),
    ("PL303", {"connection_errors_internal": "1"}, {}, {}, "no memory or no thread", Level.ERROR),
    (
        "PL304",
        {"aborted_connects": "400"},
        {},
        {},
        "400 of 10,000 connections in 10 d were never made, 4 %",
        Level.WARNING,
    ),
    (
        "PL305",
        {"aborted_clients": "500"},
        {},
        {},
        "500 of 10,000 connections in 10 d ended without a goodbye",
        Level.WARNING,
    ),
    (
        "PL306",
        {"threads_created": "900000", "connections": "1000000", "thread_cache_size": "0"},
        {},
        {},
        "10 % of 1,000,000 connections in 10 d got a thread that was there; thread_cache_size is 0",
        Level.INFO,
    ),
    ("PL307", {"threads_running": "20"}, {}, {}, "19 statements run at this moment, beside ours, on 4", Level.WARNING),
    (
        "PL308",
        {"open_files_limit": "1024"},
        {},
        {},
        "10 + max_connections 151 + 2 x table_open_cache 2000 = 4,161",
        Level.WARNING,
    ),
    ("PL308", {"open_files": "30000"}, {}, {}, "30,000 open", Level.ERROR),
    (
        "PL311",
        {"max_connections": "500"},
        {},
        {},
        "1.2 GiB once + 500 connections x 18.9 MiB = 10.4 GiB",
        Level.WARNING,
    ),
    ("PL311", {"innodb_buffer_pool_size": str(7 * GIB)}, {}, {}, "With the 40 that there were at most", Level.ERROR),
    (
        "PL312",
        {"innodb_buffer_pool_reads": "9000000"},
        {},
        {},
        "9 % of 100,000,000 reads went to the disk",
        Level.WARNING,
    ),
    ("PL321", {"wait_timeout": "5"}, {}, {}, "wait_timeout 5 s", Level.WARNING),
    ("PL321", {"wait_timeout": "31536000"}, {}, {}, "wait_timeout 365 d", Level.INFO),
    (
        "PL322",
        {"session.innodb_lock_wait_timeout": "50"},
        {},
        {},
        "innodb_lock_wait_timeout 50 s, REQUEST",
        Level.INFO,
    ),
    (
        "PL323",
        {},
        {"clients": (SLEEPER,)},
        {},
        "1 connection idle in a transaction: id 7 of app (worker) for 5 min",
        Level.WARNING,
    ),
    ("PL331", {"slow_query_log": "OFF"}, {}, {}, "slow_query_log is off", Level.WARNING),
    ("PL332", {"long_query_time": "10.000000"}, {}, {}, "long_query_time is 10 s", Level.INFO),
    ("PL332", {"long_query_time": "60.000000"}, {}, {}, "long_query_time is 60 s", Level.WARNING),
    ("PL332", {"long_query_time": "0.000000"}, {}, {}, "long_query_time is 0 s", Level.WARNING),
    ("PL333", {"slow_queries": "500000"}, {}, {}, "10 %", Level.WARNING),
    ("PL341", {}, {"charset": "utf8mb3"}, {}, "The database has utf8mb3", Level.WARNING),
    (
        "PL341",
        {},
        {"tables": {"a": {**TABLE, "charset": "latin1"}, "b": TABLE}},
        {},
        "1 of its 2 tables has another",
        Level.ERROR,
    ),
    (
        "PL342",
        {},
        {"tables": {"a": {**TABLE, "collation": "utf8mb4_bin"}, "b": TABLE}},
        {},
        "utf8mb4_bin: 1 (a)",
        Level.WARNING,
    ),
    ("PL342", {}, {"collation": "utf8mb4_0900_ai_ci"}, {}, "The database has utf8mb4_0900_ai_ci", Level.INFO),
    ("PL343", {}, {"tables": {"a": {**TABLE, "engine": "MyISAM"}, "b": TABLE}}, {}, "a (MyISAM)", Level.ERROR),
    (
        "PL351",
        {"session.time_zone": "SYSTEM", "system_time_zone": "CET"},
        {},
        {},
        "SYSTEM, which is CET",
        Level.WARNING,
    ),
    ("PL351", {"session.time_zone": "Asia/Kolkata"}, {}, {}, "time_zone is Asia/Kolkata", Level.WARNING),
    ("PL352", {"session.sql_mode": "", "sql_mode": ""}, {}, {}, "sql_mode of our session is (empty)", Level.WARNING),
    ("PL352", {"session.sql_mode": "ANSI"}, {}, {}, "our session is ANSI; the server's is STRICT", Level.WARNING),
    ("PL353", {"session.transaction_isolation": "READ-UNCOMMITTED"}, {}, {}, "READ-UNCOMMITTED", Level.ERROR),
    ("PL353", {"session.transaction_isolation": "SERIALIZABLE"}, {}, {}, "SERIALIZABLE", Level.WARNING),
    ("PL354", {"autocommit": "OFF"}, {}, {}, "autocommit is off", Level.WARNING),
    ("PL354", {"init_connect": "SET autocommit=0"}, {}, {}, "init_connect sets autocommit", Level.WARNING),
    (
        "PL355",
        {"max_allowed_packet": str(MIB)},
        {},
        {"MAX_BODY_BYTES": str(4 * MIB)},
        "max_allowed_packet is 1 MiB",
        Level.WARNING,
    ),
    ("PL361", {"innodb_flush_log_at_trx_commit": "2"}, {}, {}, "is 2: the last second's commits", Level.INFO),
    ("PL362", {"sync_binlog": "0"}, {}, {}, "sync_binlog is 0", Level.INFO),
    ("PL363", {"read_only": "ON"}, {}, {}, "read_only is ON", Level.ERROR),
    ("PL364", {"have_ssl": "DISABLED"}, REMOTE, {}, "have_ssl is DISABLED", Level.WARNING),
    ("PL371", {}, {"version": (10, 5, 8)}, {}, "was maintained until 2025-06-24", Level.WARNING),
    ("PL371", {}, {"version": (8, 0, 36), "flavour": "mysql"}, {}, "was maintained until 2026-04-30", Level.WARNING),
]
POSTGRESQL_ROWS: list[Row] = [
    ("PL401", {}, {"connections_now": 90}, {}, "90 of 97 connections are in use", Level.WARNING),
    ("PL401", {}, {"connections_now": 97}, {}, "97 of 97", Level.ERROR),
    ("PL402", {"superuser_reserved_connections": "0"}, {}, {}, "the pools can take the last connection", Level.WARNING),
    ("PL403", {"work_mem": "65536"}, {}, {}, "100 connections x (4 MiB + work_mem 64 MiB x 2", Level.WARNING),
    (
        "PL404",
        {},
        {"clients": (SLEEPER,)},
        {},
        "1 connection idle in a transaction: id 7 of app (worker) for 5 min",
        Level.WARNING,
    ),
    ("PL405", {}, {"in_between": "PgBouncer"}, {}, "Its mode did not show", Level.WARNING),
    ("PL405", {}, {"in_between": "PgBouncer", "lending": "breaks"}, {}, "that we had prepared failed", Level.ERROR),
    ("PL411", {"idle_in_transaction_session_timeout": "0"}, {}, {}, "stays open without limit", Level.WARNING),
    (
        "PL413",
        {"lock_timeout": "0", "statement_timeout": "0"},
        {},
        {"DB_STATEMENT_TIMEOUT": "0"},
        "lock_timeout 0 (none)",
        Level.INFO,
    ),
    ("PL413", {"lock_timeout": "60000", "statement_timeout": "0"}, {}, {}, "lock_timeout 1 min", Level.INFO),
    ("PL415", {"tcp_keepalives_idle": "0"}, {}, {}, "the system decides", Level.INFO),
    ("PL421", {"log_min_duration_statement": "-1"}, {}, {}, "no statement is logged", Level.WARNING),
    ("PL421", {"log_min_duration_statement": "0"}, {}, {}, "0 ms", Level.WARNING),
    ("PL421", {"log_min_duration_statement": "60000"}, {}, {}, "1 min", Level.WARNING),
    ("PL431", {"timezone": "Asia/Kolkata"}, {}, {}, "Asia/Kolkata", Level.INFO),
    ("PL432", {}, {"charset": "LATIN1"}, {}, "LATIN1", Level.WARNING),
    ("PL432", {}, {"charset": "SQL_ASCII"}, {}, "SQL_ASCII", Level.ERROR),
    ("PL433", {"default_transaction_isolation": "serializable"}, {}, {}, "serializable", Level.INFO),
    ("PL434", {"pg_is_in_recovery": "on"}, {}, {}, "in recovery", Level.ERROR),
    ("PL434", {"default_transaction_read_only": "on"}, {}, {}, "default_transaction_read_only is on", Level.ERROR),
    ("PL441", {"fsync": "off"}, {}, {}, "fsync is off", Level.CRITICAL),
    ("PL442", {"full_page_writes": "off"}, {}, {}, "full_page_writes is off", Level.ERROR),
    ("PL443", {"synchronous_commit": "off"}, {}, {}, "synchronous_commit is off", Level.INFO),
    ("PL444", {"autovacuum": "off"}, {}, {}, "autovacuum is off", Level.ERROR),
    ("PL444", {"track_counts": "off"}, {}, {}, "track_counts is off", Level.ERROR),
    ("PL451", {"ssl": "off"}, REMOTE, {}, "ssl is off", Level.WARNING),
    ("PL452", {}, {"version": (13, 2)}, {}, "Version 13 of postgresql was maintained until 2025-11-13", Level.WARNING),
]
SQLITE_ROWS: list[Row] = [
    ("PL501", {}, {}, {"ENVIRONMENT": "production"}, "Production, and the database is the file", Level.WARNING),
    ("PL502", {}, {}, {"WEB_CONCURRENCY": "4"}, "1 host x 4 workers", Level.WARNING),
    ("PL502", {}, {}, {"DEPLOY_HOSTS": "2"}, "2 hosts x 1 worker write", Level.CRITICAL),
    ("PL503", {"journal_mode": "delete"}, {}, {}, "journal_mode is delete", Level.WARNING),
    ("PL503", {"journal_mode": "off"}, {}, {}, "journal_mode is off", Level.ERROR),
    ("PL504", {"busy_timeout": "100"}, {}, {}, "busy_timeout is 100 ms", Level.WARNING),
    ("PL504", {"busy_timeout": "0"}, {}, {}, "busy_timeout is 0 ms", Level.ERROR),
    ("PL505", {"foreign_keys": "0"}, {}, {}, "foreign_keys is off", Level.WARNING),
    ("PL506", {"synchronous": "0"}, {}, {}, "synchronous is OFF", Level.ERROR),
]
ROWS = MYSQL_ROWS + POSTGRESQL_ROWS + SQLITE_ROWS


def _dialect(check_id: str) -> str:
    return DIALECT[check_id[:3]]


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]}-{row[4][:20]}" for row in ROWS])
def test_what_is_wrong_is_found(row: Row) -> None:
    """With its numbers, at its level, and with words for what to do."""
    check_id, values, fields, environ, words, level = row
    server = changed(HEALTHY[_dialect(check_id)], values, **fields)
    found = verdict(check_id, deployment(server, environ))
    assert isinstance(found, Found), found
    assert words in found.evidence
    assert (found.level or BY_ID[check_id].level) is level
    assert found.fix


@pytest.mark.parametrize(
    ("check_id", "place", "words"),
    [
        ("PL507", NFS, "is on nfs4 (/mnt)"),
        ("PL508", replace(PLACE, path="/tmp/data.sqlite3"), "is in /tmp"),
        ("PL509", replace(PLACE, directory_writable=False), "may not write"),
        ("PL509", replace(PLACE, directory_exists=False), "does not exist"),
    ],
)
def test_a_bad_place_of_the_file_is_found(check_id: str, place: Place, words: str) -> None:
    """A network disk, a temporary directory, one that is not there or may not be written."""
    found = verdict(check_id, deployment(SQLITE, place=place))
    assert isinstance(found, Found), found
    assert words in found.evidence


def test_every_check_has_a_row_that_fails() -> None:
    """No check is left out of the tables."""
    assert {row[0] for row in ROWS} | {"PL507", "PL508", "PL509"} == set(IDS)


@pytest.mark.parametrize("check_id", IDS)
def test_on_a_healthy_server_nothing_is_found(check_id: str) -> None:
    """It passes, by its numbers; two questions do not arise on such a deployment."""
    came_to = verdict(check_id, deployment(HEALTHY[_dialect(check_id)]))
    if check_id in ("PL405", "PL501"):
        assert isinstance(came_to, NotApplicable)
        return
    assert isinstance(came_to, Passed), came_to
    assert came_to.evidence


@pytest.mark.parametrize("check_id", IDS)
def test_another_database_is_none_of_its_business(check_id: str) -> None:
    """It says so, whether the server was reached or not."""
    other = next(server for dialect, server in HEALTHY.items() if dialect != _dialect(check_id))
    facts = deployment(other)
    for given_facts in (facts, replace(facts, server=Known(why="it does not answer"))):
        came_to = verdict(check_id, given_facts)
        assert isinstance(came_to, NotApplicable), came_to
        assert came_to.why.endswith(".")


@pytest.mark.parametrize(
    "check_id", [i for i in IDS if i not in ("PL405", "PL501", "PL502", "PL507", "PL508", "PL509")]
)
def test_what_could_not_be_read_is_not_judged(check_id: str) -> None:
    """The server's own words say why."""
    healthy = HEALTHY[_dialect(check_id)]
    refused = "SELECT command denied to user"
    nothing = ServerFacts(
        healthy.dialect, "other", (), "", database=healthy.database, unread=dict.fromkeys(UNREAD, refused)
    )
    came_to = verdict(check_id, deployment(nothing))
    assert isinstance(came_to, CouldNot), came_to
    if check_id not in ("PL371", "PL452"):
        assert refused in came_to.why


def test_clients_of_a_pooler_are_not_ours() -> None:
    """Whether the server notices a dead one is the pooler's matter, and no finding about the service's hosts."""
    server = changed(POSTGRESQL, {"tcp_keepalives_idle": "7200"}, in_between="PgBouncer")
    came_to = verdict("PL415", deployment(server))
    assert isinstance(came_to, NotApplicable)
    assert "PgBouncer" in came_to.why


def test_a_server_that_was_not_reached_is_not_judged() -> None:
    """The reason is the one that the connection failed with."""
    facts = replace(deployment(MYSQL), server=Known(why="the server does not answer", fix="See that it runs."))
    assert verdict("PL301", facts) == CouldNot("the server does not answer", "See that it runs.")


@pytest.mark.parametrize("check_id", ["PL304", "PL305", "PL306", "PL312", "PL333"])
def test_shares_of_a_young_server_are_not_judged(check_id: str) -> None:
    """Ten minutes after a restart, or after FLUSH STATUS, a share says nothing."""
    bad = changed(MYSQL, {"aborted_connects": "9000", "aborted_clients": "9000", "slow_queries": "4000000"})
    bad = changed(bad, {"threads_created": "10000", "innodb_buffer_pool_reads": "50000000"})
    for server in (replace(bad, uptime_s=600.0), changed(bad, {"uptime_since_flush_status": "600"})):
        came_to = verdict(check_id, deployment(server))
        assert isinstance(came_to, CouldNot)
        assert "10 min only" in came_to.why


@pytest.mark.parametrize("value", ["nan", "inf", "1e300", "-1", "many", ""])
def test_a_number_that_makes_no_sense_is_not_judged(value: str) -> None:
    """Nothing is concluded from it, and nothing multiplied with it."""
    for check_id in ("PL301", "PL311"):
        came_to = verdict(check_id, deployment(changed(MYSQL, {"max_connections": value})))
        assert isinstance(came_to, CouldNot)
        assert f"max_connections is {value!r}, which makes no sense" in came_to.why


def test_few_connections_have_no_share() -> None:
    """One of ten that failed is no tenth of anything."""
    server = changed(MYSQL, {"connections": "10", "aborted_connects": "1", "threads_created": "10"})
    for check_id in ("PL304", "PL306"):
        assert isinstance(verdict(check_id, deployment(server)), NotApplicable)


def test_more_connections_are_advised_only_where_memory_carries_them() -> None:
    """Never as a number alone: without the RAM, or without enough of it, the advice is to find who holds them."""
    full = changed(MYSQL, {"max_used_connections": "151"})
    rich = verdict("PL301", deployment(full))
    assert isinstance(rich, Found)
    assert [change.value for change in rich.changes] == ["196", "196"]
    assert rich.changes[0].memory == "1.2 GiB once + 196 connections x 18.9 MiB = 4.8 GiB of 8 GiB RAM"
    for poor in (replace(full, memory_bytes=None), replace(full, memory_bytes=2 * GIB)):
        found = verdict("PL301", deployment(poor))
        assert isinstance(found, Found)
        assert not found.changes
        assert "196 connections x" in found.fix


def test_memory_is_mended_by_what_is_too_large() -> None:
    """Fewer connections where that is enough, else the buffer pool, else tables in memory; the sum is shown."""
    # (0.85 x 8192 MiB - 1184 MiB) / 18.94 MiB
    few = verdict("PL311", deployment(changed(MYSQL, {"max_connections": "500"})))
    assert isinstance(few, Found)
    assert (few.changes[0].name, few.changes[0].value) == (
        "max_connections",
        "305",
    )  # (0.85 x 8192 - 1184) MiB / 18.94 MiB
    pool = verdict("PL311", deployment(changed(MYSQL, {"innodb_buffer_pool_size": str(7 * GIB)})))
    assert isinstance(pool, Found)
    assert (pool.changes[0].name, pool.changes[0].value) == ("innodb_buffer_pool_size", str(4 * GIB))
    heap = {"tmp_table_size": str(GIB), "max_heap_table_size": str(GIB)}
    tables = verdict("PL311", deployment(changed(MYSQL, heap)))
    assert isinstance(tables, Found)
    assert {change.name for change in tables.changes} == set(heap)


@pytest.mark.parametrize(("now", "advised"), [("1.000000", None), ("2.000000", None), ("10.000000", "2"), ("0", "2")])
def test_a_stricter_time_is_never_worsened(now: str, advised: str | None) -> None:
    """Whoever turns the slow log on keeps the time of 1 s that somebody has set already."""
    found = verdict("PL331", deployment(changed(MYSQL, {"slow_query_log": "OFF", "long_query_time": now})))
    assert isinstance(found, Found)
    times = {change.value for change in found.changes if change.name == "long_query_time"}
    assert times == ({advised} if advised else set())
    assert f"more than {advised or f'{float(now):g}'} s" in found.fix


def test_the_slow_log_and_its_time_are_one_cause() -> None:
    """Whoever switches the log on is told the time as well."""
    server = changed(MYSQL, {"slow_query_log": "OFF", "long_query_time": "10.000000"})
    results = run_checks([check_of("PL331"), check_of("PL332")], deployment(server))
    assert [type(result.verdict) for result in results] == [Found, NotApplicable]


@pytest.mark.parametrize(
    ("check_id", "values", "words"),
    [
        (
            "PL322",
            {"session.innodb_lock_wait_timeout": "100", "innodb_lock_wait_timeout": "10"},
            "innodb_lock_wait_timeout 100 s, REQUEST_TIMEOUT 45 s; the server's own is 10 s.",
        ),
        (
            "PL353",
            {"session.transaction_isolation": "SERIALIZABLE", "tx_isolation": "REPEATABLE-READ"},
            "transaction_isolation is SERIALIZABLE in our session; the server's is REPEATABLE-READ.",
        ),
    ],
)
def test_a_server_that_is_set_well_is_not_to_be_changed(check_id: str, values: dict[str, str], words: str) -> None:
    """Where our session alone differs, a statement for the server would change nothing, or worsen it."""
    found = verdict(check_id, deployment(changed(MYSQL, values)))
    assert isinstance(found, Found)
    assert found.evidence == words
    assert found.changes == ()


def test_tables_of_another_character_set_have_one_finding() -> None:
    """Converted with the database's collation they have no other any more; the database never gets theirs."""
    latin1 = {**TABLE, "charset": "latin1", "collation": "latin1_swedish_ci"}
    for tables in ({"a": latin1}, {"a": latin1, "b": TABLE}):
        facts = deployment(changed(MYSQL, {}, tables=tables))
        charset, collation = run_checks([check_of("PL341"), check_of("PL342")], facts)
        assert isinstance(charset.verdict, Found)
        assert "ALTER TABLE `a` CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;" in charset.verdict.fix
        assert isinstance(collation.verdict, NotApplicable)
        alone = verdict("PL342", facts)
        assert isinstance(alone, Found)
        assert alone.changes == ()


def test_the_database_s_collation_wins_where_as_many_tables_have_another() -> None:
    """The least to be changed, and new tables have it anyway."""
    tables = {"a": {**TABLE, "collation": "utf8mb4_bin"}, "b": TABLE}
    found = verdict("PL342", deployment(changed(MYSQL, {}, tables=tables)))
    assert isinstance(found, Found)
    assert "ALTER TABLE `a` CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;" in found.fix


def test_who_may_not_see_other_clients_is_told_the_statement() -> None:
    """To be copied by an administrator, for this very account."""
    statements = {
        "PL323": replace(MYSQL, account=Account("venues", "10.0.0.%"), unread={"clients": "denied"}),
        "PL404": replace(POSTGRESQL, account=Account("venues"), unread={"clients": "denied"}),
    }
    fixes = []
    for check_id, server in statements.items():
        came_to = verdict(check_id, deployment(server))
        assert isinstance(came_to, CouldNot)
        fixes.append(came_to.fix)
    assert fixes == [
        "Let an administrator run: GRANT PROCESS ON *.* TO 'venues'@'10.0.0.%';",
        'Let an administrator run: GRANT "pg_read_all_stats" TO "venues";',
    ]


def test_ram_that_is_not_known_is_asked_for_with_the_sum() -> None:
    """The person who can see it compares."""
    came_to = verdict("PL311", deployment(replace(MYSQL, memory_bytes=None)))
    assert isinstance(came_to, CouldNot)
    assert "151 connections x 18.9 MiB" in came_to.why
    assert "free -h" in came_to.fix


def test_a_server_on_this_machine_has_this_machine_s_ram() -> None:
    """The host's survey knows it."""
    ram = Limit("memory of the machine", 2 * GIB, 0, "bytes", "/proc/meminfo", True, "")
    facts = deployment(replace(MYSQL, memory_bytes=None, is_local=True))
    facts = replace(facts, host=Known(Survey((ram,), (), (), (), (), 0, 0)))
    found = verdict("PL311", facts)
    assert isinstance(found, Found)
    assert "of 2 GiB RAM" in found.evidence


def test_a_loaded_library_that_watches_statements_will_do() -> None:
    """An ordinary role is told its settings, and not what is preloaded."""
    server = changed(POSTGRESQL, {"log_min_duration_statement": "-1", "pg_stat_statements.max": "5000"})
    assert isinstance(verdict("PL421", deployment(server)), Passed)


def test_mysql_8_keeps_a_setting_itself_and_mariadb_needs_a_line() -> None:
    """SET PERSIST against SET GLOBAL and the line of the file."""
    off = changed(MYSQL, {"slow_query_log": "OFF"})
    in_mariadb = verdict("PL331", deployment(off))
    in_mysql = verdict("PL331", deployment(replace(off, flavour="mysql", version=(8, 4, 3))))
    assert isinstance(in_mariadb, Found)
    assert isinstance(in_mysql, Found)
    assert [(c.kind, c.text, c.undo, c.privilege) for c in in_mariadb.changes[:1]] == [
        ("sql", "SET GLOBAL slow_query_log = ON;", "SET GLOBAL slow_query_log = OFF;", "SUPER")
    ]
    assert in_mariadb.changes[1].text == "[mysqld]\nslow_query_log = ON"
    assert [(c.text, c.undo, c.privilege) for c in in_mysql.changes] == [
        ("SET PERSIST slow_query_log = ON;", "SET PERSIST slow_query_log = OFF;", "SYSTEM_VARIABLES_ADMIN")
    ]


def test_a_role_sets_its_own_sessions_and_a_superuser_the_server() -> None:
    """What the account may do is what is advised."""
    server = changed(POSTGRESQL, {"lock_timeout": "0", "statement_timeout": "0"})
    ours = verdict("PL413", deployment(server))
    assert isinstance(ours, Found)
    assert [change.text for change in ours.changes] == ["ALTER ROLE \"app\" SET lock_timeout = '22s';"]
    assert server.account is not None
    superuser = replace(server, account=replace(server.account, powers=frozenset({"SUPERUSER"})))
    everyones = verdict("PL413", deployment(superuser))
    assert isinstance(everyones, Found)
    assert [change.text for change in everyones.changes] == [
        "ALTER SYSTEM SET lock_timeout = '22s';",
        "SELECT pg_reload_conf();",
    ]


def test_names_of_the_server_are_quoted_in_what_is_to_be_pasted() -> None:
    """A database or role may be called anything."""
    odd = replace(MYSQL, database="a`; DROP", charset="latin1", collation="latin1_swedish_ci")
    found = verdict("PL341", deployment(odd))
    assert isinstance(found, Found)
    assert found.changes[0].text == "ALTER DATABASE `a``; DROP` CHARACTER SET utf8mb4;"


def test_an_end_that_is_near_is_told() -> None:
    """Half a year before it."""
    facts = replace(deployment(POSTGRESQL), today=Known(date(2027, 9, 1)))
    found = verdict("PL452", facts)
    assert isinstance(found, Found)
    assert found.level is Level.INFO


def test_a_version_whose_end_is_not_known_is_not_judged() -> None:
    """A newer one than this program, or an innovation release."""
    for server in (replace(MYSQL, version=(12, 1)), replace(MYSQL, version=(9, 1), flavour="mysql")):
        assert isinstance(verdict("PL371", deployment(server)), CouldNot)


def test_development_may_keep_its_file_in_a_container() -> None:
    """In production the same is an error."""
    place = replace(PLACE, filesystem="overlay")
    assert isinstance(verdict("PL508", deployment(SQLITE, place=place)), NotApplicable)
    found = verdict("PL508", deployment(SQLITE, {"ENVIRONMENT": "production"}, place))
    assert isinstance(found, Found)
    assert found.level is Level.ERROR


def test_a_database_in_memory_has_no_file() -> None:
    """Nothing about files is asked of it."""
    server = replace(SQLITE, database=None, variables={**SQLITE.variables, "journal_mode": "memory"})
    facts = deployment(server, {"DATABASE_URL": "sqlite://"})
    for check_id in ("PL501", "PL502", "PL503", "PL504", "PL506", "PL507", "PL508", "PL509"):
        assert isinstance(verdict(check_id, facts), NotApplicable)
    found = verdict("PL501", deployment(server, {"DATABASE_URL": "sqlite://", "ENVIRONMENT": "production"}))
    assert isinstance(found, Found)
    assert found.level is Level.CRITICAL
    migrated = Known(AppFacts("app.main:app", engines=(1,), has_migrations=True))
    pending = Known(SchemaFacts((), ("2",), 2))
    assert isinstance(verdict("PL110", replace(facts, app=migrated, schema=pending)), NotApplicable)


def test_sleepers_of_others_that_are_not_seen_are_not_denied() -> None:
    """An account that sees itself only says so."""
    passed = verdict("PL323", deployment(replace(MYSQL, sees_all_clients=False)))
    assert isinstance(passed, Passed)
    assert "sees its own connections only" in passed.evidence


@pytest.mark.parametrize("check_id", IDS)
def test_every_page_says_why_from_where_and_when_to_suppress(check_id: str) -> None:
    """They are written for people who have to decide."""
    check = BY_ID[check_id]
    for heading in ("## Why", "## Threshold", "## When to suppress it"):
        assert heading in check.about
    assert check.meaning.endswith(".")
    assert not check.title.endswith(".")


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]}-{row[4][:20]}" for row in ROWS])
def test_every_change_says_how_to_take_it_back_and_who_may(row: Row) -> None:
    """And how to see that it came about."""
    check_id, values, fields, environ, _, _ = row
    found = verdict(check_id, deployment(changed(HEALTHY[_dialect(check_id)], values, **fields), environ))
    assert isinstance(found, Found)
    for change in found.changes:
        assert change.undo
        assert change.privilege or change.kind == "env"
        if change.kind == "sql" and change.name:
            assert change.reads_back.startswith(("SELECT ", "SHOW "))
            assert change.value


WORDS = ("", "NULL", "null", "-1", "0", "nan", "inf", "-inf", "1e400", "1e308", "18446744073709551616", "9" * 400, "ON")
MORE_WORDS = ("OFF", "yes", "SYSTEM", "'; DROP TABLE x", "128MB", "5min", "-5h", "½", "0x10", "1_000", "١٢")
ODD = st.one_of(
    st.none(), st.sampled_from(WORDS + MORE_WORDS), st.floats().map(str), st.integers().map(str), st.text(max_size=8)
)


@pytest.mark.parametrize("dialect", sorted(HEALTHY))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_answer_of_a_server_makes_a_check_fail_itself(dialect: str, data: st.DataObject) -> None:
    """Missing, absurd, huge, negative, in words: each comes to a verdict."""
    healthy = HEALTHY[dialect]
    names = st.dictionaries(st.sampled_from([*healthy.variables, *healthy.status]), ODD)
    server = changed(healthy, data.draw(names))
    server = replace(
        server,
        units=data.draw(st.sampled_from([{}, healthy.units, dict.fromkeys(healthy.units, "parsec")])),
        uptime_s=data.draw(st.one_of(st.none(), st.floats())),
        memory_bytes=data.draw(st.one_of(st.none(), st.integers())),
        cores=data.draw(st.one_of(st.none(), st.integers())),
        max_connections=data.draw(st.one_of(st.none(), st.integers())),
        reserved_connections=data.draw(st.integers()),
        connections_now=data.draw(st.one_of(st.none(), st.integers())),
        connections_most=data.draw(st.one_of(st.none(), st.integers())),
        version=data.draw(st.lists(st.integers(), max_size=3).map(tuple)),
        charset=data.draw(st.one_of(st.none(), st.text(max_size=8))),
        collation=data.draw(st.one_of(st.none(), st.text(max_size=8))),
        tables={
            "t": data.draw(st.dictionaries(st.sampled_from(["engine", "charset", "collation"]), st.text(max_size=8)))
        },
        clients=(replace(SLEEPER, seconds=data.draw(st.one_of(st.none(), st.floats()))),),
        is_local=data.draw(st.booleans()),
        tls=None,
    )
    _all_come_to_a_verdict(deployment(server))


def _all_come_to_a_verdict(facts: Facts) -> None:
    for check_id in IDS:
        came_to = verdict(check_id, facts)
        if isinstance(came_to, Found):
            assert "nan" not in came_to.fix.lower().split()


def test_the_young_and_the_uptime_that_is_not_told() -> None:
    """Without an uptime nothing that is counted can be judged."""
    came_to = verdict("PL304", deployment(replace(MYSQL, uptime_s=None)))
    assert isinstance(came_to, CouldNot)
    assert DAY_S == 86_400
