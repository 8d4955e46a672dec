"""The black box: watches a worker, moment by moment, and keeps a record where something went wrong."""

import json
import logging
import mmap
import queue
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from plimsoll.events import Counters
from plimsoll.reports.causes import Causes, Kind, better_words
from plimsoll.reports.files import MOST_BYTES, MOST_FILES, write
from plimsoll.reports.record import Record, earlier, to_document
from plimsoll.reports.signals import Asked
from plimsoll.reports.tasks import task_groups
from plimsoll.snapshot import Snapshot
from plimsoll.snapshot.moment import Moment
from plimsoll.snapshot.source import Source

logger = logging.getLogger("plimsoll.reports")

AGAIN_S = 300.0
"""One record of a kind within this time: the first one shows how it began, more of the same only push it out."""

ASKED_AGAIN_S = 10.0
"""One by the signal within this time: a person who asks twice means it; a program that asks on and on is checked."""

KEPT_EVERY_S, KEPT = 10.0, 6
"""Earlier snapshots: one of each ten seconds, for a minute."""

RESERVE_BYTES = 4 << 20
"""Address space that is given back before a record is made, since memory may be what is short. Nothing is written to
it, so it takes no memory."""

STACK_BYTES = 512 << 10
"""Of the thread that writes. It is started with the worker, since none can be started where memory is short."""

WAITING = 4
"""Records that wait to be written; more are left out and counted."""

WRITTEN, FAILED = "records_written", "records_failed"
"""What is counted: records that were kept, and such as could not be made or written, or were left out since others
still waited."""

END_S = 2.0
"""So long the end of the process waits for a record that is being written."""


class BlackBox:
    """Keeps records of `source` in `directory`; without one it keeps none, and SIGUSR2 only says so in the log.

    Nothing that goes wrong here comes out: it is counted and said in the log."""

    def __init__(
        self,
        source: Source,
        directory: Path | None,
        *,
        most_files: int = MOST_FILES,
        most_bytes: int = MOST_BYTES,
        counters: Counters | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._source = source
        self._directory = directory
        self._most_files, self._most_bytes = most_files, most_bytes
        self._counters = counters or Counters()
        self._clock = clock
        self._causes = Causes()
        self._before: deque[Snapshot] = deque(maxlen=KEPT)
        self._kept_s = float("-inf")
        self._last_s: dict[str, float] = {}
        self._asked = Asked(self._on_signal)
        self._records: queue.Queue[Record | None] = queue.Queue(WAITING)
        self._reserve: mmap.mmap | None = None
        self._thread: threading.Thread | None = None

    @property
    def written(self) -> int:
        """Records that were kept."""
        return self._counters.snapshot().get(WRITTEN, 0)

    @property
    def failed(self) -> int:
        """Records that were not."""
        return self._counters.snapshot().get(FAILED, 0)

    def begin(self) -> None:
        """When the worker starts; call it in the event loop, after any fork."""
        self._asked.listen()
        if self._directory is None or self._thread is not None:
            return
        for name in (WRITTEN, FAILED):
            self._counters.add(name, 0)  # so that the metrics have them before there is a record
        before = threading.stack_size(STACK_BYTES)
        try:
            self._thread = threading.Thread(target=self._write_all, name="plimsoll-records", daemon=True)
            self._thread.start()
        except RuntimeError as error:
            self._thread = None
            self._fail("no thread can be started to write them", error)
        finally:
            threading.stack_size(before)
        self._take_reserve()

    def end(self) -> None:
        """When the worker stops: what was begun is written."""
        self._asked.undo()
        thread, self._thread = self._thread, None
        if thread is None:
            return
        try:
            self._records.put(None, timeout=END_S)
            thread.join(END_S)
        except queue.Full:
            return

    def consider(self, now: Moment) -> None:
        """Look at the worker as it is now; once a second is meant. Call it in the event loop."""
        if self._directory is None:
            return
        try:
            for kind, why in self._causes.look(now):
                self.keep(kind, why)
            now_s = self._clock()
            if now_s - self._kept_s >= KEPT_EVERY_S:
                self._kept_s = now_s
                self._before.append(earlier(self._source.snapshot()))
        except Exception as error:  # noqa: BLE001 - a record is not worth a request
            self._fail("one could not be made", error)

    def keep(self, kind: Kind, why: str, interrupted: tuple[str, ...] = ()) -> bool:
        """Have a record written, unless there was one of this kind a short while ago; whether it will be."""
        now = self._clock()
        if self._thread is None or now - self._last_s.get(kind, float("-inf")) < _again_s(kind):
            return False
        self._last_s[kind] = now
        self._give_reserve()
        snapshot, history = self._source.snapshot(), self._source.history.series("10m")
        why = better_words(kind, snapshot) or why
        record = Record(kind, why, snapshot, tuple(self._before), history, task_groups(), interrupted)
        try:
            self._records.put_nowait(record)
        except queue.Full:
            self._counters.add(FAILED)
            return False
        return True

    def _on_signal(self, interrupted: tuple[str, ...]) -> None:
        if self._directory is None:
            logger.warning("SIGUSR2 asked for a record, and none is kept: REPORTS_DIR is not set.")
            return
        try:
            self.keep("signal", "An operator asked for it (SIGUSR2).", interrupted)
        except Exception as error:  # noqa: BLE001 - the same
            self._fail("one could not be made", error)

    def _write_all(self) -> None:
        while (record := self._records.get()) is not None:
            try:
                self._write(record)
            except Exception as error:  # noqa: BLE001 - a full disk or memory, a directory that is gone
                self._fail(f"one could not be written to {self._directory}", error)
            del record
            self._take_reserve()

    def _write(self, record: Record) -> None:
        assert self._directory is not None
        text = json.dumps(to_document(record), allow_nan=False, separators=(",", ":")).encode()
        limits = {"files": self._most_files, "size": self._most_bytes}
        path = write(self._directory, record.kind, record.snapshot.at_s, text, **limits)
        self._counters.add(WRITTEN)
        logger.warning("A black-box record was kept (%s): 'plimsoll report %s' makes a page of it.", record.kind, path)

    def _take_reserve(self) -> None:
        if self._reserve is None:
            try:
                self._reserve = mmap.mmap(-1, RESERVE_BYTES)
            except (OSError, ValueError, MemoryError):
                return

    def _give_reserve(self) -> None:
        reserve, self._reserve = self._reserve, None
        if reserve is not None:
            reserve.close()

    def _fail(self, what: str, error: Exception) -> None:
        try:
            logger.warning("Black-box records: %s (%s: %s).", what, type(error).__name__, error)
        except MemoryError:
            pass
        finally:
            self._counters.add(FAILED)


def _again_s(kind: Kind) -> float:
    return ASKED_AGAIN_S if kind == "signal" else AGAIN_S
