"""On the machine that the tests run on: what is read is what the kernel does."""

import gc
import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from plimsoll.host import MemoryReader, arenas, count_limits, memory_limits, survey
from plimsoll.host.arenas import ARENA_BYTES
from plimsoll.host.cgroups import groups
from plimsoll.host.files import Files

MIB = 1 << 20


def run(code: str, limits: Callable[[], None] | None = None, **environ: str) -> Any:
    """What a process of its own prints as JSON. `limits` is called in it before it begins."""
    ended = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environ},
        preexec_fn=limits,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def limited(kind: int, value: int) -> Callable[[], None]:
    """Sets the soft limit `kind`."""
    return lambda: resource.setrlimit(kind, (value, resource.getrlimit(kind)[1]))


FILL = """
import json
from plimsoll.host import MemoryReader
reader = MemoryReader()
sample = reader.read()
hold, taken = [], 0
try:
    while True:
        hold.append(bytearray(4 << 20))
        taken += 4 << 20
except MemoryError:
    hold.clear()
print(json.dumps({"left": sample.left_bytes, "taken": taken, "source": sample.failing.source}))
"""


def test_a_memory_error_comes_where_the_address_space_was_said_to_end() -> None:
    """Filled until it fails: within the last block and what malloc rounds up to, at what was left."""
    found = run(FILL, limited(resource.RLIMIT_AS, 400 * MIB))
    assert found["source"] == "RLIMIT_AS"
    assert found["left"] - 8 * MIB <= found["taken"] <= found["left"]


def test_a_memory_error_comes_where_the_data_were_said_to_end() -> None:
    """RLIMIT_DATA binds anonymous memory too on kernels of today."""
    found = run(FILL, limited(resource.RLIMIT_DATA, 200 * MIB))
    assert found["source"] == "RLIMIT_DATA"
    assert found["left"] - 8 * MIB <= found["taken"] <= found["left"] + MIB


OPEN = """
import json, os
from plimsoll.host import count_limits
(limit,) = [limit for limit in count_limits() if limit.source == "RLIMIT_NOFILE"]
opened = 0
hold = []
try:
    while True:
        hold.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    opened = len(hold)
for one in hold:
    os.close(one)
print(json.dumps({"left": limit.left, "opened": opened}))
"""


def test_as_many_files_can_be_opened_as_are_left() -> None:
    """Neither one more nor one less."""
    found = run(OPEN, limited(resource.RLIMIT_NOFILE, 64))
    assert found["left"] == found["opened"]


THREADS = """
import json, threading
from plimsoll.host import arenas, MemoryReader
reader, leave = MemoryReader(), threading.Event()
held = []
def work():
    held.append(bytes(1000))  # too big for Python's own small blocks: malloc's
    ready.release()
    leave.wait()
ready = threading.Semaphore(0)
before, expected = reader.read().address_space_bytes, arenas().bytes_for(4)
workers = [threading.Thread(target=work) for _ in range(4)]
for worker in workers:
    worker.start()
    ready.acquire()
taken = reader.read().address_space_bytes - before
found = arenas()
leave.set()
print(json.dumps({"taken": taken, "expected": expected, "threads": found.threads, "reserved": found.reserved_bytes}))
"""


def test_threads_reserve_address_space_as_told() -> None:
    """64 MiB each for an arena, beside their stacks; none with MALLOC_ARENA_MAX=1."""
    with_arenas = run(THREADS, MALLOC_ARENA_MAX="8")
    without = run(THREADS, MALLOC_ARENA_MAX="1")
    assert with_arenas["expected"] == with_arenas["reserved"] == 4 * ARENA_BYTES
    assert without["expected"] == without["reserved"] == 0
    assert with_arenas["threads"] == 5
    # malloc may unmap a little of what it reserves, to align it.
    assert with_arenas["taken"] - without["taken"] >= 4 * ARENA_BYTES - MIB


def test_the_process_s_figures_are_those_of_an_independent_reader() -> None:
    """psutil reads the same, and the machine's memory in the same bytes."""
    found, theirs = survey(), psutil.Process().memory_info()
    assert abs(found.address_space_bytes - theirs.vms) < 4 * MIB
    assert abs(found.rss_bytes - theirs.rss) < 4 * MIB
    (machine,) = [limit for limit in memory_limits() if limit.source == "/proc/meminfo"]
    assert machine.limit == psutil.virtual_memory().total
    assert arenas().threads == psutil.Process().num_threads()


def test_another_process_can_be_asked_about() -> None:
    """By its number: its limits and its files, not the asker's."""
    code = "import sys, time; print(flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, preexec_fn=limited(resource.RLIMIT_NOFILE, 77)
    ) as other:
        try:
            assert other.stdout is not None
            other.stdout.readline()
            (files,) = [limit for limit in count_limits(process=str(other.pid)) if limit.source == "RLIMIT_NOFILE"]
        finally:
            other.kill()
    assert files.limit == 77
    assert 3 <= files.used <= 10


def test_a_file_that_vanishes_between_two_samples_is_left_out() -> None:
    """A process that has ended, too: nothing is raised."""
    with subprocess.Popen([sys.executable, "-c", ""]) as other:
        other.wait()
    assert survey(process=str(other.pid)).memory == ()


def test_samples_leave_no_descriptor_open() -> None:
    """A thousand of them, from a thread too."""
    reader = MemoryReader()
    gc.collect()  # what tests before have left open would be closed meanwhile
    before = len(os.listdir("/proc/self/fd"))
    worker = threading.Thread(target=lambda: [reader.read() for _ in range(1000)])
    worker.start()
    worker.join()
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_cgroups_of_this_process_are_where_they_were_looked_for() -> None:
    """Each that the kernel names has a directory under which it is found, where cgroups are mounted at all."""

    for controller in ("memory", "pids"):
        for group in groups(Files(), controller):
            assert not Path("/sys/fs/cgroup").exists() or Path(group.directory, "cgroup.procs").exists(), group


FREED = """
import json
from plimsoll.host import MemoryReader
from plimsoll.host.heap import free_heap_bytes
reader = MemoryReader()
blocks = [bytearray(20_000) for _ in range(2000)]
last = bytearray(20_000)  # above them, so that malloc cannot give back what lies below
held = reader.read()
del blocks
freed = reader.read()
print(json.dumps({
    "left": [held.left_bytes, freed.left_bytes], "space": [held.address_space_bytes, freed.address_space_bytes],
    "used": [held.used_bytes, freed.used_bytes], "free": free_heap_bytes(),
}))
"""


def test_what_malloc_has_free_counts_as_left() -> None:
    """40 MB in small blocks were freed, and the address space stays taken: there is room for as much again."""
    found = run(FREED, limited(resource.RLIMIT_AS, 400 * MIB))
    assert found["space"][0] - found["space"][1] < 2 * MIB
    assert found["left"][1] - found["left"][0] > 35 * MIB
    assert found["used"][0] - found["used"][1] > 35 * MIB
    assert found["free"] > 35 * MIB
