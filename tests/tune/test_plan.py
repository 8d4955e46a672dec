"""From findings to a plan: what can be applied, what a person must do, and what is never done."""

import pytest

from plimsoll.checks.check import Check
from plimsoll.checks.tuning import Ground, Plan, make_plan, server_names
from plimsoll.checks.verdict import Change, Found, Level, Passed
from plimsoll.server.changing import Standing, StatementRefusedError, Wanted, read_statement, same
from plimsoll.server.mysql_changing import MySQLChanger
from plimsoll.server.postgresql_changing import PostgreSQLChanger
from plimsoll.settings import DatabaseSettings, ServiceSettings
from plimsoll.settings.declaration import specs_of
from tests.tune.conftest import MARIADB, MYSQL_8, MYSQL_57, POSTGRES

SPECS = {spec.name: spec for group in (DatabaseSettings, ServiceSettings) for spec in specs_of(group).values()}
SLOW_LOG = Change("sql", "SET GLOBAL slow_query_log = 'ON'", name="slow_query_log", value="ON")
POOL = Change("env", "DB_POOL_SIZE=8", name="DB_POOL_SIZE", value="8", old="20")
STANDING = {"slow_query_log": Standing("slow_query_log", "OFF", "now")}


def check(id_: str) -> Check:
    """A check of this id."""
    return Check(id_, "Something", Level.WARNING, frozenset(), "It matters.", "", lambda _facts: Passed(""))


def plan(*findings: tuple[str, tuple[Change, ...]], ground: Ground | None = None) -> Plan:
    """The plan for findings with these changes."""
    found = [(check(id_), Found("evidence", "do it", changes)) for id_, changes in findings]
    return make_plan(found, ground or Ground(SPECS, standing=STANDING, dialect="mysql"))


def test_the_server_is_changed_before_the_env_file() -> None:
    """What needs the service's next start comes last; each step knows the checks that want it."""
    made = plan(("PL201", (POOL,)), ("PL301", (SLOW_LOG,)), ("PL302", (SLOW_LOG,)))
    assert [(step.kind, step.name, step.value, step.checks) for step in made.steps] == [
        ("sql", "slow_query_log", "ON", ("PL301", "PL302")),
        ("env", "DB_POOL_SIZE", "8", ("PL201",)),
    ]
    assert (made.by_hand, made.withheld) == ((), ())


def test_two_values_for_one_setting_are_left_to_a_person() -> None:
    """Both are named with their checks."""
    other = Change("env", "DB_POOL_SIZE=5", name="DB_POOL_SIZE", value="5", old="20")
    made = plan(("PL201", (POOL,)), ("PL202", (other,)))
    assert made.steps == ()
    assert {item.why for item in made.by_hand} == {"PL201 wants 8 and PL202 wants 5: choose with --only or --skip"}


def test_a_finding_is_changed_as_a_whole_or_not_at_all() -> None:
    """Half of a cure may be worse than none: TLS demanded, and no certificate named."""
    mode = Change("env", "DB_SSL_MODE=verify-full", name="DB_SSL_MODE", value="verify-full")
    file = Change("env", "DB_SSL_CA=/path/to/ca.pem", name="DB_SSL_CA", value="/path/to/ca.pem")
    ground = Ground(SPECS, refused={"DB_SSL_CA": "the value cannot be read: put in your own"})
    made = plan(("PL015", (mode, file)), ground=ground)
    assert made.steps == ()
    assert [item.why for item in made.by_hand] == [
        "belongs together with DB_SSL_CA",
        "the value cannot be read: put in your own",
    ]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (Change("env", "", name="MYSQL_PASSWORD", value="x"), "it is secret, and secrets are not written here"),
        (Change("env", "", name="DATABASE_URL", value="x"), "it is secret, and secrets are not written here"),
        (Change("env", "", name="OTHER", value="x"), "not one of the settings that are known here"),
        (
            Change("env", "", name="DB_POOL_RECYCLE", value="0.5"),
            "the value is below 1: put in your own",
        ),
        (
            Change("env", "", name="DB_POOL_TIMEOUT", value="5"),
            "the process environment sets it, which wins over .env: change it there",
        ),
        (Change("shell", "plimsoll migrate"), "a command: it is never run here"),
        (Change("config", "max_connections = 60"), "a line of the server's own file"),
        (Change("sql", "SET GLOBAL unknown_one = 1"), "the server says nothing of this setting"),
        (
            Change("sql", "SET GLOBAL read_only_one = 1"),
            "the server takes it at its start only: put the line into its file and restart it",
        ),
    ],
)
def test_what_is_left_to_a_person_says_why(change: Change, why: str) -> None:
    """A secret, a command, a file of the server, a value that only a person has."""
    standing = {"read_only_one": Standing("read_only_one", "0", "restart")}
    made = plan(
        ("PL001", (change,)),
        ground=Ground(SPECS, environ={"DB_POOL_TIMEOUT": "3"}, standing=standing, dialect="mysql"),
    )
    assert made.steps == ()
    assert [item.why for item in made.by_hand] == [why]


@pytest.mark.parametrize(
    "change",
    [
        Change("env", "", name="DB_POOL_SIZE", value="40", old="20"),
        Change("env", "", name="DB_MAX_OVERFLOW", value="40"),
        Change("sql", "SET GLOBAL max_connections = 500", name="max_connections", value="500", old="151"),
        Change("config", "max_connections = 500", name="max_connections", value="500", old="151"),
        Change("env", "", name="DB_SSL_MODE", value="require", old="verify-full"),
        Change("env", "", name="DB_SSL_MODE", value="off", old="require"),
        Change("env", "", name="DB_LEAK_THRESHOLD", value="0", old="10"),
        Change("env", "", name="REQUEST_TIMEOUT", value="30", old="45"),
        Change("env", "", name="DB_POOL_TIMEOUT", value="45", old="30"),
        Change("sql", "SET GLOBAL require_secure_transport = OFF", name="require_secure_transport", value="OFF"),
        Change("shell", "ulimit -v 1000000"),
        Change("shell", "ulimit -Sv 1000000 && plimsoll serve"),
        Change("shell", "systemctl edit shop  # LimitAS=1G"),
        Change("shell", "python -c 'while 1: gc.collect()'"),
    ],
)
def test_harmful_classics_are_withheld(change: Change) -> None:
    """Whoever asks for them: neither applied nor printed as text to paste, with the reason."""
    made = plan(("PL900", (change,)))
    assert (made.steps, made.by_hand) == ((), ())
    assert [bool(item.why) for item in made.withheld] == [True]


def test_taking_a_limit_of_address_space_away_is_no_harm() -> None:
    """It is the cure, and stays a command for a person."""
    made = plan(("PL903", (Change("shell", "ulimit -v unlimited"),)))
    assert (len(made.by_hand), made.withheld) == (1, ())


def test_a_larger_pool_is_offered_with_its_arithmetic() -> None:
    """The memory is reckoned, so the cure is one."""
    grown = Change("env", "", name="DB_POOL_SIZE", value="40", old="20", memory="20 x 0.3 MiB = 6 MiB of 512 MiB left")
    assert [step.value for step in plan(("PL201", (grown,))).steps] == ["40"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("SET GLOBAL slow_query_log = 'ON'", Wanted("slow_query_log", "ON")),
        ("set global long_query_time=2;", Wanted("long_query_time", "2")),
        ("SET PERSIST wait_timeout = 600", Wanted("wait_timeout", "600")),
        ("ALTER SYSTEM SET work_mem = '8MB'", Wanted("work_mem", "8MB")),
        ("ALTER SYSTEM SET pg_stat_statements.max TO 5000", Wanted("pg_stat_statements.max", "5000")),
        (
            "SET GLOBAL sql_mode = 'STRICT_TRANS_TABLES,NO_ZERO_DATE'",
            Wanted("sql_mode", "STRICT_TRANS_TABLES,NO_ZERO_DATE"),
        ),
        ("SELECT pg_reload_conf()", None),
    ],
)
def test_statements_of_known_shapes_are_understood(text: str, wanted: Wanted | None) -> None:
    """Name and value."""
    assert read_statement(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "DROP TABLE users",
        "GRANT ALL ON *.* TO 'shop'",
        "SET GLOBAL a = 1; DROP TABLE users",
        "SET GLOBAL a = 'x'; DROP TABLE users; -- '",
        "SET GLOBAL a = (SELECT 1)",
        "SET GLOBAL a = 1, b = 2",
        "SET GLOBAL a = 'it\\'s'",
        "SET SESSION a = 1",
        "SET GLOBAL a = @@b",
        "ALTER SYSTEM RESET ALL",
        "ALTER SYSTEM SET a.b.c = 1",
        "SELECT pg_reload_conf(), pg_sleep(100)",
        "SET GLOBAL a = 'x' /* y */",
        "SET GLOBAL ä = 1",
        "SET GLOBAL a = '%s'",
    ],
)
def test_any_other_statement_is_refused(text: str) -> None:
    """It is shown for a person to run, and never run here; nor is what else the finding would change."""
    with pytest.raises(StatementRefusedError):
        read_statement(text)
    made = plan(("PL301", (Change("sql", text), SLOW_LOG)))
    assert made.steps == ()
    assert len(made.by_hand) == 2
    assert server_names([(check("PL301"), Found("", "", (Change("sql", text),)))]) == ()


@pytest.mark.parametrize(
    ("one", "other", "unit", "equal"),
    [
        ("ON", "1", "", True),
        ("off", "0", "", True),
        ("2.000000", "2", "", True),
        ("8192", "64MB", "8kB", True),
        ("60000", "60s", "ms", True),
        ("60000", "1min", "ms", True),
        ("60", "60000", "", False),
        ("1", "1GB", "MB", False),
        ("REPEATABLE-READ", "repeatable-read", "", True),
        ("", "0", "", False),
    ],
)
def test_values_are_compared_as_the_servers_mean_them(one: str, other: str, unit: str, equal: bool) -> None:
    """Switches, numbers, and PostgreSQL's units."""
    assert same(one, other, unit) is equal


def test_what_mysql_keeps_over_a_restart_depends_on_its_version() -> None:
    """SET PERSIST from MySQL 8.0 on, and its RESET; a line of the option file elsewhere, with the file that has it."""
    changer, wanted = MySQLChanger(), Wanted("max_connections", "60")
    before = Standing("max_connections", "151", "now")
    assert changer.statements(wanted, MYSQL_8) == ("SET PERSIST max_connections = 60",)
    assert changer.takes_back(before, MYSQL_8) == (
        "RESET PERSIST IF EXISTS max_connections",
        "SET GLOBAL max_connections = 151",
    )
    kept = Standing("max_connections", "151", "now", kept="200")
    assert changer.takes_back(kept, MYSQL_8)[0] == "SET PERSIST max_connections = 200"
    assert changer.file_line(wanted, before, MYSQL_8) == ("", "")
    for facts in (MARIADB, MYSQL_57):
        assert changer.statements(wanted, facts) == ("SET GLOBAL max_connections = 60",)
        assert changer.takes_back(before, facts) == ("SET GLOBAL max_connections = 151",)
    in_file = Standing("max_connections", "151", "now", path="/etc/mysql/mariadb.conf.d/50-server.cnf")
    assert changer.file_line(wanted, in_file, MARIADB) == (
        "max_connections = 60",
        "under [mysqld] in /etc/mysql/mariadb.conf.d/50-server.cnf, which sets it now",
    )
    line, where = changer.file_line(wanted, before, MYSQL_57)
    assert line == "max_connections = 60"
    assert where.startswith("under [mysqld] in a file that it reads, such as /etc/mysql/mysql.conf.d/zz-plimsoll.cnf")


def test_postgresql_keeps_what_alter_system_sets() -> None:
    """And says to read the files again; taken back, the line goes or has the value it had."""
    changer, wanted = PostgreSQLChanger(), Wanted("work_mem", "8MB")
    assert changer.statements(wanted, POSTGRES) == ("ALTER SYSTEM SET work_mem = '8MB'", "SELECT pg_reload_conf()")
    assert changer.takes_back(Standing("work_mem", "4096", "reload"), POSTGRES)[0] == "ALTER SYSTEM RESET work_mem"
    kept = Standing("work_mem", "4096", "reload", kept="16MB")
    assert changer.takes_back(kept, POSTGRES)[0] == "ALTER SYSTEM SET work_mem = '16MB'"
