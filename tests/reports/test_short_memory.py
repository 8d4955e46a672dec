"""A record of a process that has run out of memory is written in the memory that was set aside for it."""

import subprocess
import sys
from pathlib import Path

from plimsoll.reports.files import kept, read
from tests.servers import REPOSITORY, clean_environ

PROGRAM = """
import asyncio, resource, sys
from dataclasses import replace
from pathlib import Path
from plimsoll.reports import BlackBox
from tests.reports.worker import Worker
from tests.snapshot.samples import EXHAUSTED, HEALTHY

async def main():
    worker = Worker()
    box = BlackBox(worker, Path(sys.argv[1]))
    box.begin()
    for _ in range(120):
        box.consider(worker.second(HEALTHY))
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), resource.RLIM_INFINITY))
    taken = []
    for size in (1 << 20, 1 << 16, 1 << 12, 1 << 9):
        try:
            while True:
                taken.append(bytearray(size))
        except MemoryError:
            pass
    box.consider(worker.second(replace(EXHAUSTED, memory=replace(EXHAUSTED.memory, errors=1))))
    box.end()
    taken.clear()
    print(box.written, box.failed)

asyncio.run(main())
"""


def test_a_record_is_kept_while_nothing_else_can_be_allocated(tmp_path: Path) -> None:
    """All address space up to the last 512 bytes is taken; the record is whole."""
    environ = clean_environ()
    environ["PYTHONPATH"] = f"{REPOSITORY / 'src'}:{REPOSITORY}"
    words = [sys.executable, "-c", PROGRAM, str(tmp_path / "records")]
    ended = subprocess.run(words, env=environ, capture_output=True, text=True, timeout=120, cwd=REPOSITORY)
    assert ended.stdout.split() == ["2", "0"], ended.stderr
    assert {each.kind for each in kept(tmp_path / "records")} == {"exhausted", "memory-error"}
    for each in kept(tmp_path / "records"):
        assert len(read(each.path).snapshot.holders) == 40
