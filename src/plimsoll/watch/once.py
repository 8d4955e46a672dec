"""What is known of a service as text, for a log or a script."""

import re
from collections.abc import Iterator

from plimsoll.snapshot import Snapshot
from plimsoll.snapshot.amounts import amount, seconds
from plimsoll.snapshot.shown import shown
from plimsoll.watch import summary
from plimsoll.watch.feed import Sight
from plimsoll.watch.tables import PROBLEMS, TABLES, WORKERS, Table

ROWS = 15
"""Of a table; `--format json` has all."""

WIDEST = 48
"""Characters of a cell but the last of its row."""

LONGEST_NAME = 28
"""Characters of the server's name and version."""

_BUILD = re.compile(r" on | \(|(?<=-MariaDB)-")

NEEDS_ATTENTION = ("critical", "warning")


def is_fine(snapshot: Snapshot) -> bool:
    """Whether nothing needs anybody's attention."""
    return not any(problem.level in NEEDS_ATTENTION for problem in snapshot.problems)


def once(sight: Sight, snapshot: Snapshot, url: str) -> Iterator[str]:
    """Line by line, what is wrong first."""
    for words in summary.problems(sight):
        yield words.text
    yield ""
    yield summary.who(sight, url).text
    for words in (summary.load_line(snapshot.load_line), summary.pool(snapshot.pool), summary.memory(snapshot)):
        yield words.text
    yield server(snapshot)
    for table in TABLES:
        if table is PROBLEMS or (table is WORKERS and not snapshot.workers):
            continue  # told above; there is only one
        yield ""
        yield from _table(table, snapshot)


def server(snapshot: Snapshot) -> str:
    """The database server in a line."""
    view = snapshot.server
    if view is None:
        return "Server  not asked yet"
    error = f"; {shown(view.error)}" if view.error else ""
    numbers = f"{amount(view.connections)} of {amount(view.max_connections)} connections"
    name = shown(_short(view.dialect, view.version), LONGEST_NAME)
    return f"Server  {name}, {numbers}, as of {seconds(max(0.0, snapshot.at_s - view.at_s))} ago{error}"


def _short(dialect: str, version: str) -> str:
    """The server's product and version without how it was built, so that the line has room for what changes."""
    plain = _BUILD.split(version, maxsplit=1)[0]
    return plain if plain.lower().startswith(dialect) else f"{dialect} {plain}"


def _table(table: Table, snapshot: Snapshot) -> Iterator[str]:
    rows = table.rows(snapshot, table.sorted_by)
    yield f"{table.name} ({len(rows)})"
    if not rows:
        yield f"  {table.nothing}"
        return
    lines = [tuple(column.title for column in table.columns), *(row.cells for row in rows[:ROWS])]
    cut = [(*(shown(cell, WIDEST) for cell in line[:-1]), line[-1]) for line in lines]
    widths = [max(len(line[place]) for line in cut) for place in range(len(table.columns))]
    for line in cut:
        yield f"  {'  '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))}".rstrip()
    if len(rows) > ROWS:
        yield f"  and {len(rows) - ROWS} more"
