"""Reads what another host answers. It comes over the network, so nothing of it is believed to be as it should: every
failure is a `PeerError` with a sentence."""

import asyncio
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from plimsoll.errors import PeerError, SnapshotError
from plimsoll.snapshot import Snapshot
from plimsoll.snapshot.causes.wording import plain
from plimsoll.snapshot.codec import from_json, series_from_json
from plimsoll.snapshot.history import Series
from plimsoll.web.line import Answer

MOST_WORKERS = 256
"""As `WEB_CONCURRENCY` allows."""

LONGEST_TEXT = 300

_HOST = re.compile(r"[A-Za-z0-9_.-]{1,255}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,255}:\d{1,10}", re.ASCII)
_TOKENS = "OPS_READ_TOKEN and OPS_TOKEN must be the same on all hosts"


@dataclass(frozen=True, slots=True)
class Told:
    """What a host has told of its workers. `silent` are those that live and did not answer it."""

    snapshots: tuple[Snapshot, ...]
    silent: tuple[str, ...] = ()

    @property
    def hosts(self) -> tuple[str, ...]:
        """What the host is called; more than one name only where a proxy is in between."""
        names = {snapshot.worker.host for snapshot in self.snapshots}
        return tuple(sorted(names | {name.rpartition(":")[0] for name in self.silent}))


async def read_workers(answer: Answer) -> Told:
    """The workers in an answer of /ops/workers.

    Raises:
        PeerError: they are not.
    """
    document = _document(answer)
    workers, silent = document.get("workers"), document.get("silent_workers", [])
    if not isinstance(workers, list) or not isinstance(silent, list) or len(workers) + len(silent) > MOST_WORKERS:
        raise PeerError("what it answers is no list of workers")
    found = []
    for each in workers:
        found.append(_snapshot(each))
        await asyncio.sleep(0)  # reading takes milliseconds: requests go on between two of them
    return Told(tuple(found), _names(silent))


def read_series(answer: Answer) -> Series:
    """The numbers in an answer of /ops/history.

    Raises:
        PeerError: they are not.
    """
    try:
        return series_from_json(_document(answer))
    except (SnapshotError, OverflowError) as error:
        raise PeerError(f"what it answers cannot be read: {words_of(error)}") from None


def read_words(answer: Answer) -> tuple[int, str]:
    """The status of an operator's action, and what came of it in words.

    Raises:
        PeerError: there is no answer, or none of Plimsoll's.
    """
    if answer.error:
        raise PeerError(answer.error)
    try:
        document = _object(answer)
    except PeerError:
        document = {}
    words = document.get("result") if answer.status == 200 else document.get("detail")
    if answer.status is None or not isinstance(words, str):
        raise PeerError(_refused(answer))
    return answer.status, plain(words, LONGEST_TEXT)


def words_of(error: BaseException) -> str:
    """What an error says, without its code."""
    return plain(str(error.args[0]) if error.args else type(error).__name__, LONGEST_TEXT)


def _document(answer: Answer) -> Mapping[str, Any]:
    if answer.error:
        raise PeerError(answer.error)
    if answer.status != 200:
        raise PeerError(_refused(answer))
    return _object(answer)


def _object(answer: Answer) -> Mapping[str, Any]:
    if not answer.whole:
        raise PeerError("what it answers is larger than is read")
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise PeerError("what it answers is not Plimsoll's")
    return document


def _refused(answer: Answer) -> str:
    if answer.status == 401:
        return f"it does not accept the token: {_TOKENS}"
    if answer.status == 404:
        return (
            f"it shows nothing: an older release or another service runs there, or its tokens are not set ({_TOKENS})"
        )
    if answer.status == 429:
        wait = f" for {answer.retry_after} s" if answer.retry_after.isdigit() else ""
        return f"it lets nobody from here in{wait}, since too many wrong tokens came from this address"
    moved = f" and points to {answer.location}, where no token is sent" if answer.location else ""
    return f"it answers {answer.status}{moved}"


def _snapshot(document: object) -> Snapshot:
    try:
        found = from_json(document)
    except (SnapshotError, OverflowError) as error:
        raise PeerError(f"what it answers cannot be read: {words_of(error)}") from None
    if not _HOST.fullmatch(found.worker.host) or not 0 < found.worker.pid < 10**10:
        raise PeerError("what it answers names a worker as none is called")
    return found


def _names(texts: Iterable[object]) -> tuple[str, ...]:
    return tuple(sorted({text for text in texts if isinstance(text, str) and _NAME.fullmatch(text)}))
