"""The `.env` file as one step: rewritten as a whole, or its settings taken back one by one."""

from collections.abc import Mapping
from pathlib import Path

from plimsoll.checks.env_edits import EnvEdit, change, stands, take_back
from plimsoll.checks.env_file import (
    EnvContent,
    EnvFileError,
    keep_copy,
    may_rewrite,
    read_file,
    remove_file,
    write_file,
)
from plimsoll.checks.gather_files import env_file_facts
from plimsoll.checks.journal import EnvEntry, Journal
from plimsoll.checks.steps import StepFailedError


def rewrite(path: Path, wanted: Mapping[str, str], planned: str, journal: Journal) -> str:
    """Give settings their values; words for what was done. `planned` is the file's text that the plan was made from.

    Raises:
        EnvFileError, EnvTextError: it cannot be written as it should be.
        StepFailedError: somebody else has changed it since the plan was made.
    """
    content = read_file(path)
    may_rewrite(content)
    if content.text != planned:
        raise StepFailedError("somebody else has changed it since the plan was made, so it was left: run this again")
    text, edits = change(content.text, wanted)
    if not edits:
        return f"{path} (it was so already)"
    made = content.stat is None
    backup = None if made else content.path.with_name(f"{content.path.name}.{journal.path.stem}.bak")
    if backup is not None:
        keep_copy(content, backup)
    index = journal.begin(EnvEntry(str(content.path), edits, made, str(backup or "")))
    try:
        write_file(content, text)
    except EnvFileError:
        journal.drop(index)
        raise
    journal.mark(index, "done")
    return f"{path}: {', '.join(f'{name}={value}' for name, value in wanted.items())}{_kept(backup)}"


def _kept(backup: Path | None) -> str:
    """What became of the old file; a name that .gitignore does not have would be in the next commit, passwords and
    all."""
    if backup is None:
        return " (a new file)"
    facts = env_file_facts(backup)
    taken = facts.known and facts.value.ignored is False
    warning = " (git would take it: delete it, or let .gitignore have .env.*)" if taken else ""
    return f"; the old file is kept as {backup.name}, passwords and all{warning}"


def take_back_edits(index: int, entry: EnvEntry, journal: Journal) -> str:
    """Give settings the values they had before a step, each that is still what the step made it.

    Raises:
        EnvFileError: it cannot be written.
        StepFailedError: somebody else has changed some of them since; the others were taken back.
    """
    content = read_file(Path(entry.path))
    may_rewrite(content)
    text = content.text
    left: list[EnvEdit] = []
    for edit in reversed(entry.edits):
        where = stands(text, edit)
        if where == "changed":
            text = take_back(text, edit)
        elif where == "other":
            left.insert(0, edit)
    _store(content, text, entry)
    names = ", ".join(edit.name for edit in entry.edits if edit not in left)
    if left:
        journal.narrow(index, tuple(left))
        done = f"; taken back: {names}" if names else ""
        others = ", ".join(edit.name for edit in left)
        raise StepFailedError(f"somebody else has changed {others} since, so that was left{done}")
    journal.mark(index, "taken back")
    return f"{entry.path}: {names}{'' if text != content.text else ' (it was so already)'}"


def _store(content: EnvContent, text: str, entry: EnvEntry) -> None:
    if text == content.text:
        return
    if entry.made and not text.strip():
        remove_file(content)
    else:
        write_file(content, text)
