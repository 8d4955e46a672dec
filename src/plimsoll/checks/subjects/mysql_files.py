"""MySQL and MariaDB: file descriptors for connections and tables."""

from plimsoll.checks import amounts
from plimsoll.checks.about import about
from plimsoll.checks.answers import number, server_of
from plimsoll.checks.check import Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.mysql_changes import line
from plimsoll.checks.verdict import Change, Found, Level, Passed, Verdict

SPARE = 10
FILES_A_TABLE = 2
"""The server itself asks the system for 10 + max_connections + table_open_cache x 2 (MySQL's manual,
"How MySQL Opens and Closes Tables", and open_files_limit), and makes do with less where it does not get them."""

MOST_OPEN = 0.85
"""The part of the descriptors that may be open (mysqltuner's)."""


def _look(facts: Facts) -> Verdict:
    server = server_of(facts, "mysql")
    limit, opened = number(server, "open_files_limit"), number(server, "open_files")
    connections, tables = number(server, "max_connections"), number(server, "table_open_cache")
    needed = SPARE + connections + FILES_A_TABLE * tables
    evidence = (
        f"open_files_limit {limit:.0f}, {opened:,.0f} open; {SPARE} + max_connections {connections:.0f}"
        f" + {FILES_A_TABLE} x table_open_cache {tables:.0f} = {needed:,.0f}."
    )
    if limit >= needed and opened <= MOST_OPEN * limit:
        return Passed(evidence)
    wanted = max(needed, 2 * opened)
    place = f"/etc/systemd/system/{'mariadb' if server.flavour == 'mariadb' else 'mysql'}.service.d"
    unit = Change(
        kind="shell",
        text=f"mkdir -p {place} && printf '[Service]\\nLimitNOFILE={wanted:.0f}\\n' > {place}/open-files.conf"
        " && systemctl daemon-reload",
        undo=f"rm {place}/open-files.conf && systemctl daemon-reload",
        privilege="root of the server's machine",
        risk="Takes effect when the server is restarted.",
    )
    return Found(
        evidence=evidence,
        fix=f"Let the server have {wanted:,.0f} files, in its configuration and in the limit of its service; both are"
        " read at a restart. Or make table_open_cache smaller.",
        changes=(line(server, "open_files_limit", f"{wanted:.0f}", risk="Takes effect at a restart."), unit),
        level=Level.ERROR if opened > MOST_OPEN * limit else None,
        numbers={"open_percent": amounts.share(opened, limit)},
    )


CHECKS: tuple[Check, ...] = (
    Check(
        id="PL308",
        title="The server may run out of file descriptors",
        level=Level.WARNING,
        tags=frozenset({"mysql", "server", "files"}),
        meaning="The server cuts its table cache or max_connections at its start, or answers with error 24, 'Too many"
        " open files'.",
        about=about(
            looks_at="`open_files_limit`, `Open_files`, and what `max_connections` and `table_open_cache` need.",
            why="Where the system gives fewer descriptors than the server asks for, it lowers its own limits in"
            " silence but for a line in its log: `max_connections` is then less than you set.",
            threshold="Fewer than 10 + max_connections + 2 x table_open_cache, the sum by which the server asks; or"
            " 85 % of them open (mysqltuner's), which is an error.",
            suppress="The database has few tables, so that the cache is never full.",
        ),
        look=_look,
    ),
)
