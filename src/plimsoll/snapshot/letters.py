"""Letters between the workers of one host, in the directory that they share: a question to one of them, and its answer.

A letter is a file that is there whole or not, named for whom it is and from whom, so that those of a worker that has
died go with it. Whoever removes a question has it: the one it is for, who then answers, or the one who asked, who then
knows that it was not done and never will be."""

import json
import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.errors import SharingError
from plimsoll.snapshot.directory import changed_ns, read, written

MOST_QUESTION_BYTES = 4_096
LONGEST_WORD = 400
"""Characters of a value in a question."""

MOST_ANSWER_BYTES = 1 << 20
"""The history of a day takes some 150 KiB."""

MOST_WAITING = 32
"""Letters for one worker; who would write one more is told that it does not answer."""

MOST_AT_ONCE = 8
"""Questions that are taken at one look: what they ask for is begun at once."""

TOO_OLD_S = 20.0
"""A question is for now: who asked has long gone. An operator's action has 15 s."""

SWEPT_S = 60.0
"""What nobody has taken by then is removed."""

GRAIN_NS = 50_000_000
"""A directory's time of change is as coarse as the kernel's clock (4 or 10 ms): what came as we looked may not show."""

NAME = r"\d{1,10}-[0-9a-f]{8}"
_NUMBER = "[0-9a-f]{16}"
_QUESTION = re.compile(rf"({NAME})\.({NAME})\.({_NUMBER})\.ask")
_LETTER = re.compile(rf"{NAME}(\.{NAME})?\.{_NUMBER}\.(ask|answer|new)")


@dataclass(frozen=True, slots=True)
class Question:
    """Of the worker `sender`: `what` is asked for, and the words that it needs."""

    sender: str
    number: str
    what: str
    words: Mapping[str, str]


class Letters:
    """Of the worker that has the place `name` in the directory."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._name = name
        self._changed_ns = 0
        self._settled = False

    # --- who asks ---

    def ask(self, to: str, what: str, words: Mapping[str, str]) -> str:
        """Leave a question. Its number.

        Raises:
            SharingError: so many wait there already that nobody reads them.
            OSError: it cannot be written.
        """
        if sum(entry.startswith(f"{to}.") and entry.endswith(".ask") for entry in self._entries()) >= MOST_WAITING:
            raise SharingError(f"{MOST_WAITING} questions wait for the worker {to} already")
        number = secrets.token_hex(8)
        self._write(f"{to}.{self._name}.{number}.ask", {"what": what, "words": dict(words)}, number)
        return number

    def answer(self, number: str) -> dict[str, Any] | None:
        """The answer, once; None where there is none yet. One that cannot be read is an empty one."""
        path = self._directory / f"{self._name}.{number}.answer"
        if not os.path.lexists(path):
            return None
        content = read(path, MOST_ANSWER_BYTES)
        with suppress(OSError):
            path.unlink()
        return _object(content) or {}

    def withdraw(self, to: str, number: str) -> bool:
        """Take a question back. Whether nobody had taken it."""
        try:
            (self._directory / f"{to}.{self._name}.{number}.ask").unlink()
        except OSError:
            return False
        return True

    # --- who is asked ---

    def taken(self) -> list[Question]:
        """Questions for us: each once, whatever becomes of it. Costs one `stat` while nothing changes."""
        return list(self._take()) if self._has_changed() else []

    def reply(self, question: Question, content: Mapping[str, Any]) -> None:
        """Leave the answer.

        Raises:
            OSError: it cannot be written.
        """
        self._write(f"{question.sender}.{question.number}.answer", content, question.number)

    def _has_changed(self) -> bool:
        now_ns = time.time_ns()
        try:
            found_ns = os.lstat(self._directory).st_mtime_ns
        except OSError:
            return False
        if found_ns == self._changed_ns and self._settled:
            return False
        self._changed_ns, self._settled = found_ns, found_ns < now_ns - GRAIN_NS
        return True

    def _take(self) -> Iterator[Question]:
        count = 0
        for entry in filter(is_letter, self._entries()):
            path = self._directory / entry
            age_s = time.time() - changed_ns(path) / 1e9
            found = _QUESTION.fullmatch(entry)
            if found is None or found[1] != self._name:
                if age_s > SWEPT_S:
                    _removed(path)
                continue
            if count == MOST_AT_ONCE:
                self._settled = False
                return
            content = read(path, MOST_QUESTION_BYTES)
            if not _removed(path) or age_s > TOO_OLD_S:
                continue
            count += 1
            question = _question(found[2], found[3], _object(content))
            if question is not None:
                yield question

    def _entries(self) -> list[str]:
        try:
            return sorted(os.listdir(self._directory))
        except OSError:
            return []

    def _write(self, entry: str, content: Mapping[str, Any], number: str) -> None:
        text = json.dumps(content, allow_nan=False, separators=(",", ":"))
        written(self._directory / entry, self._directory / f"{self._name}.{number}.new", text.encode())


def is_letter(entry: str) -> bool:
    """Whether a file of this name is one."""
    return _LETTER.fullmatch(entry) is not None


def _removed(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    return True


def _object(content: bytes | None) -> dict[str, Any] | None:
    try:
        found = json.loads(content or b"")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _question(sender: str, number: str, found: dict[str, Any] | None) -> Question | None:
    if found is None:
        return None
    what, words = found.get("what"), found.get("words")
    if not isinstance(what, str) or not isinstance(words, dict):
        return None
    if any(not isinstance(word, str) or len(word) > LONGEST_WORD for word in words.values()):
        return None
    return Question(sender, number, what, words)
