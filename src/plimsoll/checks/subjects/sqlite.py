"""SQLite: how our connections are set, how many write to the one file, and whether that is meant."""

import shlex
from collections.abc import Callable

from plimsoll.capacity.wording import counted
from plimsoll.checks import amounts
from plimsoll.checks.about import about
from plimsoll.checks.answers import number, server_of, text
from plimsoll.checks.check import Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.verdict import Change, Found, IrrelevantError, Level, NotApplicable, Passed, Verdict
from plimsoll.engine import is_in_memory
from plimsoll.server.facts import ServerFacts

SHORTEST_BUSY_S = 1.0
"""A commit takes milliseconds, a few in a row tenths of a second; Plimsoll's engine waits for 5 s."""

SYNCHRONOUS = {"0": "OFF", "1": "NORMAL", "2": "FULL", "3": "EXTRA"}
_ENGINE = "Plimsoll's engine sets it on each connection: use it (plimsoll.Database, build_engine), or run"
_LISTENER = "in a listener of SQLAlchemy's 'connect' event."


def file_of(facts: Facts) -> str:
    """The file that the settings name. One in memory ends with its process and has none of these questions."""
    settings = facts.settings.value
    if settings.dialect != "sqlite":
        server_of(facts, "sqlite")  # says why it does not apply
    if is_in_memory(settings):
        raise IrrelevantError("The database is in memory.")
    return settings.url.database or ""


def _in_file(facts: Facts) -> ServerFacts:
    """What SQLite says of a database in a file."""
    server = server_of(facts, "sqlite")
    if not server.database or server.database == ":memory:":
        raise IrrelevantError("The database is in memory.")
    return server


def _look_at_production(facts: Facts) -> Verdict:
    settings = facts.settings.value
    if settings.dialect == "sqlite" and not settings.production.active:
        return NotApplicable("This is not production.")
    if is_in_memory(settings):
        return Found(
            evidence="Production, and the database is SQLite's in memory: each worker has one of its own, which ends"
            " with it.",
            fix="Set DATABASE_URL to a server, or to a file (sqlite:////var/lib/SERVICE/data.sqlite3).",
            level=Level.CRITICAL,
        )
    file = file_of(facts)
    return Found(
        evidence=f"Production, and the database is the file {file}.",
        fix="Set DATABASE_URL to a server. SQLite is right for one process on one host with few writes: if that is so,"
        " back it up with sqlite3 FILE '.backup COPY' (a copy of the file alone may be torn), and suppress this.",
    )


def _look_at_writers(facts: Facts) -> Verdict:
    file_of(facts)
    topology = facts.topology.value
    evidence = f"{counted(topology.hosts, 'host')} x {counted(topology.workers, 'worker')} write to one file."
    if topology.hosts > 1:
        return Found(
            evidence=evidence,
            fix="Each host has a file of its own, or they share one over a network, which is no place for SQLite's"
            " locks. Set DATABASE_URL to a server before there is a second host.",
            level=Level.CRITICAL,
        )
    if topology.workers > 1:
        return Found(
            evidence=evidence,
            fix="One writes at a time, the others wait for busy_timeout and then fail with 'database is locked'. Run"
            " one worker, or set DATABASE_URL to a server.",
            changes=(
                Change(
                    kind="env",
                    text="WEB_CONCURRENCY=1",
                    undo=f"WEB_CONCURRENCY={topology.workers}",
                    name="WEB_CONCURRENCY",
                    value="1",
                    old=str(topology.workers),
                    risk="One process uses one core.",
                ),
            ),
        )
    return Passed("One worker on one host.")


def _look_at_journal(facts: Facts) -> Verdict:
    server = _in_file(facts)
    mode = text(server, "journal_mode").lower()
    if mode == "wal":
        return Passed("journal_mode is wal.")
    command = f"sqlite3 {shlex.quote(server.database or '')}"
    return Found(
        evidence=f"journal_mode is {mode}: readers and the writer shut each other out.",
        fix=f"Use write-ahead logging; the file keeps it. {_ENGINE} PRAGMA journal_mode = wal {_LISTENER}",
        changes=(
            Change(
                kind="shell",
                text=f"{command} 'PRAGMA journal_mode = wal;'",
                undo=f"{command} 'PRAGMA journal_mode = {mode};'",
                name="journal_mode",
                value="wal",
                old=mode,
                reads_back="PRAGMA journal_mode",
                privilege="whoever may write the file",
                risk="Nobody else may have the file open in that moment.",
            ),
        )
        if mode.isalpha()
        else (),
        level=Level.ERROR if mode in ("off", "memory") else None,
    )


def _look_at_waiting(facts: Facts) -> Verdict:
    server = _in_file(facts)
    wait = number(server, "busy_timeout") / 1000
    evidence = f"busy_timeout is {amounts.time(wait)}."
    if wait >= SHORTEST_BUSY_S:
        return Passed(evidence)
    return Found(
        evidence=evidence,
        fix=f"Wait for the one writer, 5 s for instance. {_ENGINE} PRAGMA busy_timeout = 5000 {_LISTENER}",
        level=Level.ERROR if wait == 0 else None,
    )


def _look_at_keys(facts: Facts) -> Verdict:
    server = server_of(facts, "sqlite")
    if number(server, "foreign_keys"):
        return Passed("foreign_keys is on.")
    return Found(
        evidence="foreign_keys is off: rows may refer to what does not exist.",
        fix=f"Switch it on; look first for what is broken already (PRAGMA foreign_key_check). {_ENGINE} PRAGMA"
        f" foreign_keys = on {_LISTENER}",
    )


def _look_at_syncing(facts: Facts) -> Verdict:
    server = _in_file(facts)
    state = text(server, "synchronous").upper()
    state = SYNCHRONOUS.get(state, state)
    if state != "OFF":
        return Passed(f"synchronous is {state}.")
    return Found(
        evidence="synchronous is OFF: a crash of the machine can damage the file.",
        fix=f"Use NORMAL, with write-ahead logging, or FULL. {_ENGINE} PRAGMA synchronous = normal {_LISTENER}",
    )


def _check(
    name: str, title: str, level: Level, meaning: str, about: str, look: Callable[[Facts], Verdict], tag: str
) -> Check:
    return Check(name, title, level, frozenset({"sqlite", "server", tag}), meaning, about, look)


CHECKS: tuple[Check, ...] = (
    _check(
        "PL501",
        "SQLite in production",
        Level.WARNING,
        "One writer at a time, one host, and a file that lies with the code and may go with it at the next release.",
        about(
            looks_at="The dialect of the database, and whether the settings say production.",
            why="The file is the default of Plimsoll's settings in development; in production it is mostly a"
            " DATABASE_URL that did not arrive.",
            threshold="Production with a database in a file; one in memory is critical, since all data ends with the"
            " process.",
            suppress="It is meant: one process, few writes, and a backup that is tried.",
        ),
        _look_at_production,
        "production",
    ),
    _check(
        "PL502",
        "Several processes write to one SQLite file",
        Level.WARNING,
        "Writers wait for each other and fail with 'database is locked'; from several hosts the data is apart, or is"
        " damaged.",
        about(
            looks_at="WEB_CONCURRENCY and DEPLOY_HOSTS.",
            why="SQLite has one lock for the whole file. On one host several processes are merely slow; its locks and"
            " its shared memory do not work between hosts (sqlite.org, 'Write-Ahead Logging', 'Over a Network').",
            threshold="More than one worker is a warning, more than one host critical.",
            suppress="Workers only read, or write seldom.",
        ),
        _look_at_writers,
        "capacity",
    ),
    _check(
        "PL503",
        "Readers and the writer shut each other out: no write-ahead log",
        Level.WARNING,
        "A long read makes every write fail with 'database is locked', and the other way round.",
        about(
            looks_at="`PRAGMA journal_mode`.",
            why="With a write-ahead log readers see the state before the write and do not wait.",
            threshold="wal. OFF and MEMORY, with which a crash in the middle of a write damages the file, are errors.",
            suppress="The file system has no shared memory for it; then nothing else may use the file.",
        ),
        _look_at_journal,
        "locks",
    ),
    _check(
        "PL504",
        "A statement does not wait for the writer",
        Level.WARNING,
        "Two requests that write in the same moment: one of them fails with 'database is locked'.",
        about(
            looks_at="`PRAGMA busy_timeout` of our connection, in ms.",
            why="SQLite's own default is not to wait at all.",
            threshold="At least 1 s; Plimsoll's engine sets 5 s. 0 is an error.",
            suppress="One task alone ever writes.",
        ),
        _look_at_waiting,
        "locks",
    ),
    _check(
        "PL505",
        "Foreign keys are not enforced",
        Level.WARNING,
        "Rows are left that refer to nothing, and ON DELETE does nothing; no error tells.",
        about(
            looks_at="`PRAGMA foreign_keys` of our connection.",
            why="SQLite has them off unless each connection switches them on.",
            threshold="On.",
            suppress="The schema has no foreign keys.",
        ),
        _look_at_keys,
        "data",
    ),
    _check(
        "PL506",
        "A crash of the machine can damage the file",
        Level.ERROR,
        "After a loss of power the database may not open any more.",
        about(
            looks_at="`PRAGMA synchronous` of our connection.",
            why="With OFF SQLite never waits for the disk.",
            threshold="NORMAL (enough with a write-ahead log), FULL or EXTRA.",
            suppress="The data can be made again.",
        ),
        _look_at_syncing,
        "data",
    ),
)
