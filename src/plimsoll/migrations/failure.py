"""Says why a revision failed: the server's words and the statement, or the line of the revision's own code."""

from collections.abc import Mapping
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from plimsoll.errors import MigrationError
from plimsoll.migrations.state import ENV_LINES, Revision
from plimsoll.origin import origin
from plimsoll.server import Fault, fault_of
from plimsoll.server.words import words_of

STATEMENT_SHOWN = 400
"""Characters of a statement that are shown: its beginning tells which one it is."""


class RevisionFailedError(Exception):
    """A revision failed. Whoever asked for it to be run says what that means."""

    def __init__(self, revision: Revision, why: str) -> None:
        super().__init__(f"{revision}: {why}")
        self.revision = revision
        self.why = why


def explained(error: Exception, dialect: str, directory: Path, lock_wait_s: float) -> str:
    """What happened and, where it is known, what to do. `lock_wait_s`: how long a statement waited for a lock."""
    if not isinstance(error, DBAPIError):
        where = origin(error, directory)
        return f"{type(error).__name__}: {error}{f' ({where})' if where else ''}."
    text = f"{words_of(error)}."
    if error.statement:
        statement = " ".join(error.statement.split())
        text += f"\n  in: {statement[:STATEMENT_SHOWN]}{'...' if len(statement) > STATEMENT_SHOWN else ''}"
    if fault_of(error, dialect) is Fault.BUSY:
        text += (
            f"\n  A lock was not free within {lock_wait_s:g} s (DB_LOCK_WAIT_TIMEOUT): another transaction uses the "
            "table. The wait is short so that queries do not queue behind it; try again at a quieter time, or look "
            "for a transaction that stays open."
        )
    return text


def env_failed(error: Exception, directory: Path) -> MigrationError:
    """What to raise where `directory`'s env.py ended with `error` before it came to `run_env`."""
    env = directory / "env.py"
    if "run_env" not in env.read_text(encoding="utf-8", errors="replace"):
        return MigrationError(
            f"{env} does not call run_env, so it cannot run on the application's database (it ended with "
            f"{type(error).__name__}: {error}). {ENV_LINES}"
        )
    where = origin(error, directory)
    return MigrationError(f"{env} failed: {type(error).__name__}: {error}{f' ({where})' if where else ''}.")


def left_dangling(rows: Mapping[str, int]) -> str:
    """What is wrong with a revision that left rows which refer to nothing, by `table -> table`."""
    tables = ", ".join(f"{tables} ({count} rows)" for tables, count in rows.items())
    return (
        f"it leaves rows that refer to what is not there: {tables}. Foreign keys are off in SQLite while a revision "
        "runs, so nothing is deleted along with what it refers to: delete or change these rows in the revision too."
    )
