"""The box: what it keeps, how often, and that nothing that goes wrong there comes out."""

import asyncio
import json
import logging
import os
import stat
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from plimsoll.events import Counters
from plimsoll.reports import BlackBox, Record, box
from plimsoll.reports.box import AGAIN_S, ASKED_AGAIN_S, KEPT
from plimsoll.reports.files import kept, read
from plimsoll.reports.record import MOST, STEPS_KEPT, from_document, to_document
from plimsoll.snapshot import Snapshot, StatementView
from plimsoll.snapshot.history import Series
from plimsoll.snapshot.moment import Moment
from tests.reports.worker import Worker, with_pool
from tests.snapshot.samples import EXHAUSTED, HEALTHY, holder


class Clock:
    """Seconds that the test says."""

    now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
async def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """Make boxes that are ended with the test, and have all the time they need to write what was begun."""
    monkeypatch.setattr(box, "END_S", 60.0)
    boxes: list[BlackBox] = []

    def make(worker: Worker, **given: Any) -> BlackBox:
        boxes.append(BlackBox(worker, given.pop("directory", tmp_path / "records"), **given))
        boxes[-1].begin()
        return boxes[-1]

    yield make
    for each in boxes:
        each.end()


def trouble(worker: Worker, looked_at: BlackBox, snapshot: Snapshot = EXHAUSTED) -> None:
    """A healthy second, and one in trouble."""
    looked_at.consider(worker.second(HEALTHY))
    looked_at.consider(worker.second(snapshot))


async def test_a_record_has_the_holders_the_minutes_before_and_what_every_task_does(made: Any, tmp_path: Path) -> None:
    """As they were when the pool was exhausted."""
    worker, clock = Worker(), Clock()
    looked_at = made(worker, clock=clock)
    waits = asyncio.Event()

    async def wait_for_export() -> None:
        await waits.wait()

    tasks = [asyncio.create_task(wait_for_export(), name="export") for _ in range(3)]
    await asyncio.sleep(0)
    for _ in range(100):
        clock.now_s += 1
        looked_at.consider(worker.second(HEALTHY))
    looked_at.consider(worker.second(EXHAUSTED))
    looked_at.end()
    waits.set()
    await asyncio.gather(*tasks)

    (file,) = kept(tmp_path / "records")
    record = read(file.path)
    assert (file.kind, file.pid) == (record.kind, os.getpid()) == ("exhausted", os.getpid())
    assert record.why == EXHAUSTED.problems[0].sentence
    assert record.snapshot.holders == EXHAUSTED.holders
    assert record.snapshot.limits == EXHAUSTED.limits
    assert len(record.before) == KEPT
    assert record.history is not None
    assert len(record.history.times_s) == 100  # the second at hand is not in it
    groups = [group for group in record.tasks if group.name == "export"]
    assert [group.count for group in groups] == [3]
    assert any("wait_for_export" in line for line in groups[0].stack)
    assert "locks.py" in groups[0].stack[0]


async def test_a_record_has_the_whole_diagnosis_though_each_second_has_none(made: Any, tmp_path: Path) -> None:
    """What is gathered once a second is less than what there is to know."""
    worker = Worker()
    looked_at = made(worker)
    looked_at.consider(worker.second(HEALTHY))
    worker.second(EXHAUSTED)
    looked_at.consider(Moment.of(with_pool(leaks=1)))
    looked_at.end()
    (file,) = kept(tmp_path / "records")
    snapshot = read(file.path).snapshot
    assert (file.kind, snapshot.problems, snapshot.limits) == ("leak", EXHAUSTED.problems, EXHAUSTED.limits)


async def test_only_its_user_may_read_it_and_no_part_of_one_is_left(made: Any, tmp_path: Path) -> None:
    """The directory too."""
    worker = Worker()
    looked_at = made(worker)
    trouble(worker, looked_at)
    looked_at.end()
    names = os.listdir(tmp_path / "records")
    assert len(names) == 1
    assert stat.S_IMODE((tmp_path / "records" / names[0]).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "records").stat().st_mode) == 0o700


async def test_one_of_a_kind_is_kept_within_five_minutes(made: Any, tmp_path: Path) -> None:
    """Another kind is kept beside it, and the same again after that time."""
    worker, clock = Worker(), Clock()
    looked_at = made(worker, clock=clock)
    trouble(worker, looked_at)
    clock.now_s += AGAIN_S - 1
    trouble(worker, looked_at)
    looked_at.consider(worker.second(with_pool(EXHAUSTED, leaks=1)))
    clock.now_s += 1
    trouble(worker, looked_at)
    looked_at.end()
    assert sorted(file.kind for file in kept(tmp_path / "records")) == ["exhausted", "exhausted", "leak"]
    assert (looked_at.written, looked_at.failed) == (3, 0)


async def test_asked_for_twice_it_is_kept_twice_but_not_at_once(made: Any) -> None:
    """A program that asks on and on fills no disk."""
    worker, clock = Worker(), Clock()
    looked_at = made(worker, clock=clock)
    asked = [looked_at.keep("signal", "asked") for _ in range(3)]
    clock.now_s += ASKED_AGAIN_S
    assert asked == [True, False, False]
    assert looked_at.keep("signal", "asked")


async def test_the_oldest_go_where_there_are_too_many(made: Any, tmp_path: Path) -> None:
    """Files of others stay."""
    directory = tmp_path / "records"
    directory.mkdir()
    (directory / "notes.txt").write_text("of the operator")
    worker, clock = Worker(), Clock()
    looked_at = made(worker, clock=clock, most_files=3)
    for number in range(6):
        trouble(worker, looked_at)
        clock.now_s += AGAIN_S
        async with asyncio.timeout(30):
            while looked_at.written <= number:  # noqa: ASYNC110  more than WAITING at once are left out
                await asyncio.sleep(0.01)
    looked_at.end()
    found = kept(directory)
    assert looked_at.written == 6
    assert len(found) == 3
    assert found[0].at > found[2].at
    assert read(found[0].path).snapshot.at_s == worker.now.at_s
    assert (directory / "notes.txt").exists()


async def test_the_newest_is_kept_also_where_it_alone_is_too_large(made: Any, tmp_path: Path) -> None:
    """The older ones go for it."""
    worker, clock = Worker(), Clock()
    looked_at = made(worker, clock=clock, most_bytes=100)
    for _ in range(2):
        trouble(worker, looked_at)
        clock.now_s += AGAIN_S
    looked_at.end()
    (file,) = kept(tmp_path / "records")
    assert read(file.path).snapshot.at_s == worker.now.at_s


async def test_a_record_of_a_huge_worker_is_small(made: Any, tmp_path: Path) -> None:
    """Lists and texts are cut, the file is compressed, and it says how much is not in it."""
    huge = replace(
        HEALTHY,
        holders=tuple(replace(holder(n, age_s=n), statement="x" * 100_000) for n in range(2_000)),
        statements=tuple(StatementView(str(n), "y" * 10_000, n, n, n, n, 0, ()) for n in range(2_000)),
    )
    worker, clock = Worker(), Clock()
    looked_at = made(worker, clock=clock)
    for _ in range(700):
        clock.now_s += 1
        looked_at.consider(worker.second(huge))
    looked_at.consider(worker.second(with_pool(huge, checked_out=40, timeouts=1)))
    looked_at.end()
    (file,) = kept(tmp_path / "records")
    assert file.path.suffix == ".gz"
    assert file.size < 1 << 20
    record = read(file.path)
    assert record.left_out == {"holders": 1_900, "statements": 1_970}
    assert len(record.snapshot.holders) == MOST["holders"]
    assert record.snapshot.statements[0].count == 1_999
    assert record.history is not None
    assert len(record.history.times_s) == STEPS_KEPT


async def test_without_a_directory_nothing_is_done(made: Any) -> None:
    """No thread, no memory, no record, and no snapshot is asked for."""
    worker = Worker()
    looked_at = made(worker, directory=None)
    trouble(worker, looked_at)
    assert not looked_at.keep("signal", "asked")
    assert (looked_at.written, looked_at.failed, worker.asked) == (0, 0, 0)


async def test_a_whole_snapshot_is_asked_for_once_in_ten_seconds(made: Any) -> None:
    """And where a record is kept: moments are enough for all the rest."""
    worker, clock = Worker(), Clock()
    looked_at = made(worker, clock=clock)
    for _ in range(100):
        clock.now_s += 1
        looked_at.consider(worker.second(HEALTHY))
    assert worker.asked == 10
    looked_at.consider(worker.second(EXHAUSTED))
    assert worker.asked == 11


async def test_records_are_counted_from_the_first_on(made: Any) -> None:
    """With what else the worker counts: none is zero, not nothing."""
    worker, counters = Worker(), Counters()
    looked_at = made(worker, counters=counters)
    assert counters.snapshot() == {"records_written": 0, "records_failed": 0}
    trouble(worker, looked_at)
    looked_at.end()
    assert counters.snapshot() == {"records_written": 1, "records_failed": 0}


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), MemoryError()])
async def test_what_cannot_be_written_is_counted_and_disturbs_nobody(
    made: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """A full disk, or no memory: later records are tried again."""
    worker, clock = Worker(), Clock()
    looked_at = made(worker, clock=clock)

    def fail(*_: Any, **__: Any) -> None:
        raise error

    with caplog.at_level(logging.WARNING), monkeypatch.context() as broken:
        broken.setattr(box, "write", fail)
        trouble(worker, looked_at)
        for _ in range(3000):
            if looked_at.failed:
                break
            await asyncio.sleep(0.01)
    assert (looked_at.written, looked_at.failed) == (0, 1)
    assert "could not be written" in caplog.text
    clock.now_s += AGAIN_S
    trouble(worker, looked_at)
    looked_at.end()
    assert (looked_at.written, looked_at.failed) == (1, 1)


async def test_memory_that_is_short_while_one_is_made_is_counted_too(
    made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service goes on."""
    worker = Worker()
    looked_at = made(worker)

    def fail() -> None:
        raise MemoryError

    monkeypatch.setattr(box, "task_groups", fail)
    trouble(worker, looked_at)
    assert looked_at.failed == 1


async def test_a_file_that_is_not_written_whole_is_not_left(
    made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor its first part."""
    worker = Worker()
    looked_at = made(worker)

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    trouble(worker, looked_at)
    looked_at.end()
    assert os.listdir(tmp_path / "records") == []
    assert looked_at.failed == 1


async def test_a_link_in_the_way_is_not_written_through(made: Any, tmp_path: Path) -> None:
    """Whoever else may write there cannot have another file overwritten."""
    directory = tmp_path / "records"
    directory.mkdir()
    (tmp_path / "precious").write_text("precious")
    worker = Worker()
    looked_at = made(worker)
    looked_at.consider(worker.second(HEALTHY))
    then = worker.second(EXHAUSTED)
    name = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(then.at_s))
    (directory / f".{name}-exhausted-{os.getpid()}.json.part").symlink_to(tmp_path / "precious")
    looked_at.consider(then)
    looked_at.end()
    assert (tmp_path / "precious").read_text() == "precious"
    assert looked_at.failed == 1


def test_numbers_without_end_are_written_as_json_has_them() -> None:
    """A latency beyond the last bound has no number that JSON knows."""
    history = Series(1.0, (1.0, 2.0), {"latency_p99_s": (float("inf"), 0.5)})
    document = to_document(Record("leak", "It leaked.", HEALTHY, history=history))
    record = from_document(json.loads(json.dumps(document, allow_nan=False)))
    assert record.history is not None
    assert record.history.values["latency_p99_s"] == (None, 0.5)
