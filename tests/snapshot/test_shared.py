"""Workers of one host see one another through a directory, whatever lies in it and however they end."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from plimsoll.errors import SharingError
from plimsoll.snapshot import Snapshot, shared
from plimsoll.snapshot.codec import to_json
from plimsoll.snapshot.directory import directory_of_siblings
from plimsoll.snapshot.shared import Shared
from plimsoll.snapshot.together import Together
from tests.snapshot.samples import ALL, HEALTHY

ROOT = Path(__file__).parents[2]

PATIENCE_S = 10.0
"""With workers that a busy machine may keep waiting; all of them answer."""

WORKER = """
import asyncio, sys
from pathlib import Path
from plimsoll.snapshot.shared import Shared
from tests.snapshot.samples import HEALTHY
place = Shared(Path(sys.argv[1]))
place.begin()
print("ready", flush=True)
asyncio.run(place.serve(lambda: HEALTHY))
"""


def of(pid: int) -> Snapshot:
    """A worker's."""
    return replace(HEALTHY, worker=replace(HEALTHY.worker, pid=pid))


def start_worker(directory: Path) -> "subprocess.Popen[bytes]":
    """One in a process of its own."""
    command = [sys.executable, "-c", WORKER, str(directory)]
    paths = os.pathsep.join((f"{ROOT}/src", str(ROOT)))
    return subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": paths})


@asynccontextmanager
async def working(directory: Path, take: Callable[[], Snapshot]) -> AsyncIterator[Shared]:
    """A worker that answers."""
    place = Shared(directory)
    place.begin()
    task = asyncio.create_task(place.serve(take))
    try:
        yield place
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        place.end()


async def test_whoever_is_asked_has_the_others_as_they_are_now(tmp_path: Path) -> None:
    """Not as they were when somebody asked before; and not itself."""
    count = [0]

    def take() -> Snapshot:
        count[0] += 1
        return of(count[0])

    async with working(tmp_path / "d", lambda: of(100)) as one, working(tmp_path / "d", take):
        for expected in (1, 2):
            found = await one.ask(PATIENCE_S)
            assert [each.worker.pid for each in found.snapshots] == [expected]
            assert found.silent == 0
        assert one.names() == (f"{socket.gethostname()}:{os.getpid()}",)


async def test_nothing_is_written_while_nobody_asks(tmp_path: Path) -> None:
    """And nothing is read from the worker."""
    asked = []
    async with working(tmp_path / "d", lambda: asked.append(1) or HEALTHY):  # type: ignore[func-returns-value]
        await asyncio.sleep(3 * shared.TICK_S)
        assert [path.suffix for path in (tmp_path / "d").iterdir()] == [".lock"]
    assert not asked
    assert not list((tmp_path / "d").glob("*.lock"))


@pytest.mark.parametrize("name", ALL)
async def test_a_snapshot_comes_over_whole(tmp_path: Path, name: str) -> None:
    """Whatever is in it."""
    async with working(tmp_path / "d", lambda: HEALTHY) as one, working(tmp_path / "d", lambda: ALL[name]):
        assert (await one.ask(PATIENCE_S)).snapshots == (ALL[name],)


async def test_a_worker_that_is_blocked_is_counted_and_not_waited_for(tmp_path: Path) -> None:
    """It lives, as its lock says, and does not answer."""
    async with working(tmp_path / "d", lambda: HEALTHY) as one:
        blocked = Shared(tmp_path / "d")
        blocked.begin()
        found = await one.ask(patience_s=0.1)
        assert (found.snapshots, found.silent) == ((), 1)
        assert found.names == (f"{socket.gethostname()}:{os.getpid()}",)
        blocked.end()
        assert (await one.ask(PATIENCE_S)).silent == 0


async def test_of_a_worker_that_was_killed_nothing_is_left(tmp_path: Path) -> None:
    """Neither in the answer nor in the directory."""
    async with working(tmp_path / "d", lambda: HEALTHY) as one:
        other = start_worker(tmp_path / "d")
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == b"ready\n"
            assert (await one.ask(PATIENCE_S)).snapshots == (HEALTHY,)
            other.send_signal(signal.SIGKILL)
            other.wait()
        finally:
            other.kill()
            other.communicate()
        found = await one.ask(PATIENCE_S)
        assert (found.snapshots, found.silent) == ((), 0)
        assert {path.stem for path in (tmp_path / "d").iterdir()} <= {one._name, "asked"}


def make_odd(path: Path, kind: str) -> None:
    """What no worker writes."""
    path.unlink(missing_ok=True)
    if kind == "link":
        path.symlink_to("/etc/passwd")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "large":
        with path.open("wb") as file:
            file.truncate(shared.MOST_BYTES + 1)
    elif kind == "deep":
        path.write_text("[" * 100_000)
    elif kind == "format":
        path.write_text(json.dumps(to_json(HEALTHY) | {"format": 99}))
    else:
        path.write_bytes(b"\xff{")


@pytest.mark.parametrize("kind", ["link", "pipe", "directory", "large", "deep", "format", "bytes"])
async def test_what_is_no_snapshot_breaks_nothing(tmp_path: Path, kind: str) -> None:
    """A file that is something else is left out, at once."""
    async with working(tmp_path / "d", lambda: HEALTHY) as one, working(tmp_path / "d", lambda: of(7)):
        odd = Shared(tmp_path / "d")
        odd.begin()
        make_odd(odd._path(".json"), kind)
        (tmp_path / "d" / "123-zz.lock").write_text("")
        (tmp_path / "d" / "README").write_text("")
        began_s = time.monotonic()
        found = await one.ask(patience_s=2)
        assert [each.worker.pid for each in found.snapshots] == [7]
        assert time.monotonic() - began_s < 10
        assert len(one.names()) == 2
        odd.end()


async def test_a_snapshot_that_is_too_large_goes_without_its_long_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its numbers are there all the same."""
    monkeypatch.setattr(shared, "MOST_BYTES", len(json.dumps(to_json(HEALTHY))) - 1000)
    async with working(tmp_path / "d", lambda: HEALTHY) as one, working(tmp_path / "d", lambda: HEALTHY):
        (found,) = (await one.ask(PATIENCE_S)).snapshots
    assert found.pool == HEALTHY.pool
    assert (found.holders, found.statements) == ((), ())


async def test_a_worker_whose_file_was_cleaned_away_takes_a_place_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As what cleans /tmp does after some days."""
    monkeypatch.setattr(shared, "KEEP_S", 0.0)
    async with working(tmp_path / "d", lambda: HEALTHY) as one, working(tmp_path / "d", lambda: of(7)) as two:
        two._path(".lock").unlink()
        assert not (await one.ask(patience_s=0)).snapshots
        await asyncio.sleep(3 * shared.TICK_S)
        assert [each.worker.pid for each in (await one.ask(PATIENCE_S)).snapshots] == [7]


async def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    """Neither the directory nor what is in it, whatever the umask."""
    before = os.umask(0)
    try:
        async with working(tmp_path / "d", lambda: HEALTHY) as one, working(tmp_path / "d", lambda: HEALTHY):
            await one.ask(PATIENCE_S)
            paths = [tmp_path / "d", *(tmp_path / "d").iterdir()]
            assert {path.suffix for path in paths} == {"", ".lock", ".json"}
            assert not [path for path in paths if path.stat().st_mode & 0o077]
    finally:
        os.umask(before)


def test_a_directory_that_others_can_use_is_refused(tmp_path: Path) -> None:
    """It says why and what to do; so does one that cannot be made, and one that is none."""
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o770)
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "open")
    for name, words in {
        "open": "is open to other accounts",
        "file": "is not a directory of this account's own",
        "link": "is not a directory of this account's own",
        "not/there": "cannot be used",
    }.items():
        with pytest.raises(SharingError, match=words) as caught:
            Shared(tmp_path / name).begin()
        assert "Set OPS_SHARED_DIR" in str(caught.value)


async def test_a_worker_that_can_show_itself_to_nobody_serves_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning, and it is alone."""
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    together = Together(str(tmp_path / "open"), lambda: HEALTHY)
    together.begin()
    assert "is open to other accounts" in caplog.text
    assert await together.ask() is None
    assert together.names() == ()
    await together.end()


async def test_two_workers_meet_by_their_setting(tmp_path: Path) -> None:
    """And part at their end."""
    one, two, alone = (Together(place, lambda: HEALTHY) for place in (str(tmp_path / "d"), str(tmp_path / "d"), "none"))
    for each in (one, two, alone):
        each.begin()
    found = await one.ask()
    assert found is not None
    assert found.snapshots == (HEALTHY,)
    assert len(one.names()) == 1
    assert await alone.ask() is None
    await two.end()
    assert one.names() == ()
    await one.end()
    await alone.end()
    assert await one.ask() is None


def test_children_of_one_python_have_one_directory_and_of_a_shell_none() -> None:
    """A server's workers, and a process that was started by itself; of another service they have another."""
    code = "from plimsoll.snapshot.directory import directory_of_siblings as d; import sys; print(d(*sys.argv[1:]))"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}/src"}

    def run(command: list[str]) -> str:
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()

    ours = [sys.executable, "-c", code]
    assert run(ours) == run(ours) != "None"
    assert run([*ours, "another"]) not in ("None", run(ours))
    assert run(["sh", "-c", '"$0" "$@"; true', *ours]) == "None"
    assert directory_of_siblings() != Path(run(ours))
    assert socket.gethostname() not in run(ours)


async def test_directories_of_our_own_go_with_the_last_one_in_them_and_named_ones_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those of services that were killed: with the next one that begins."""
    monkeypatch.setattr(shared, "root", lambda: tmp_path / "root")
    killed = Shared(tmp_path / "root" / "1-a")
    killed.begin()
    assert killed._lock is not None
    killed.publish(HEALTHY)
    killed.ended.add("a session's digest")
    killed.letters.ask("12-0000000b", "kill", {})
    os.close(killed._lock)
    async with working(tmp_path / "root" / "2-b", lambda: HEALTHY) as one:
        assert [path.name for path in (tmp_path / "root").iterdir()] == ["2-b"]
        async with working(tmp_path / "root" / "2-b", lambda: HEALTHY):
            assert len((await one.ask(PATIENCE_S)).snapshots) == 1
        assert (tmp_path / "root" / "2-b").exists()
    assert list((tmp_path / "root").iterdir()) == []
    async with working(tmp_path / "named", lambda: HEALTHY):
        pass
    assert (tmp_path / "named").exists()


async def test_many_that_begin_and_end_at_once_do_not_trip_one_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each finds a directory, also where the last one has just removed it."""
    monkeypatch.setattr(shared, "root", lambda: tmp_path / "root")

    def come_and_go() -> None:
        for _ in range(50):
            place = Shared(tmp_path / "root" / "1-a")
            place.begin()
            place.end()

    await asyncio.gather(*(asyncio.to_thread(come_and_go) for _ in range(4)))
    assert list((tmp_path / "root").iterdir()) == []
