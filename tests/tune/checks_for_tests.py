"""Checks that find what a test needs found: their changes are of the kinds that real ones make."""

from plimsoll.checks.check import Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.verdict import Change, CouldNot, Found, Level, Passed, Verdict

TAGS = frozenset({"test"})


def _slow_log(facts: Facts) -> Verdict:
    server = facts.server.value
    if server.dialect == "mysql":
        if server.on("slow_query_log"):
            return Passed("it is on")
        names = (("slow_query_log", "ON"), ("long_query_time", "2"))
        changes = tuple(
            Change("sql", f"SET GLOBAL {name} = '{value}'", name=name, value=value) for name, value in names
        )
        changes = (
            changes[0],
            Change("sql", "SET GLOBAL long_query_time = 2", name="long_query_time", value="2", risk="A larger log."),
        )
    else:
        if server.variables.get("log_min_duration_statement") != "-1":
            return Passed("it is on")
        changes = (
            Change("sql", "ALTER SYSTEM SET log_min_duration_statement = '2000ms'"),
            Change("sql", "SELECT pg_reload_conf()"),
        )
    return Found("the log of slow queries is off", "Switch it on.", changes)


def _pool(facts: Facts) -> Verdict:
    size = facts.settings.value.pool_size
    if size != "auto" and size <= 8:
        return Passed(f"DB_POOL_SIZE is {size}")
    return Found(
        f"1 host x 4 workers x (20 + 20) = 160 connections, and the server admits {facts.server.value.max_connections}",
        "Make the pool smaller.",
        (
            Change(
                "env",
                "DB_POOL_SIZE=8",
                name="DB_POOL_SIZE",
                value="8",
                old=str(size),
                memory="4 workers x 12 connections x 0.1 MiB = 5 MiB less in the server",
                risk="Requests wait sooner at a peak.",
            ),
        ),
    )


def _owner(_facts: Facts) -> Verdict:
    return Found("mode 644", "Let its owner alone read it.", (Change("shell", "chmod 600 .env"),))


def _classic(_facts: Facts) -> Verdict:
    return Found("ulimit -v is 1 GiB", "Take the limit away.", (Change("shell", "ulimit -v 2000000"),))


def _unknown(_facts: Facts) -> Verdict:
    return CouldNot("nobody knows")


def _check(id_: str, title: str, look: object) -> Check:
    return Check(id_, title, Level.WARNING, TAGS, "It matters under load.", "", look)  # type: ignore[arg-type]


CHECKS = (
    _check("PL202", "The pools may ask for more connections than the server admits", _pool),
    _check("PL301", "Slow queries are not logged", _slow_log),
    _check("PL005", "The .env file may be read by others", _owner),
    _check("PL903", "Address space is limited as if it were memory", _classic),
    _check("PL399", "Nobody knows", _unknown),
)
