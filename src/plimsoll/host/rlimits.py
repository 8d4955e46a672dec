"""Resource limits of the process: address space, data, open files, and threads of its user."""

import os
import re
from dataclasses import dataclass
from functools import cached_property

from plimsoll.host.files import Files
from plimsoll.host.limit import Limit
from plimsoll.host.machine import Facts

_LINE = re.compile(r"^(Max .+?)  +(\S+) +\S+", re.MULTILINE)
"""A line of /proc/<pid>/limits: the name, the soft limit, the hard one. The soft one binds."""

ADDRESS_SPACE = ("RLIMIT_AS", "Max address space")
DATA = ("RLIMIT_DATA", "Max data size")
OPEN_FILES = ("RLIMIT_NOFILE", "Max open files")
PROCESSES = ("RLIMIT_NPROC", "Max processes")


def soft_limits(files: Files) -> dict[str, int]:
    """The soft limits that are set, by their names in `/proc/<pid>/limits`; those without limit are left out."""
    path = files.proc("limits")
    text = files.text(path)
    found = {name: int(value) for name, value in _LINE.findall(text or "") if value.isdigit()}
    if text is not None and not _LINE.search(text):
        files.odd(path)
    return found


@dataclass(frozen=True)
class MemoryLimit:
    """RLIMIT_AS or RLIMIT_DATA, read once, to be measured again and again."""

    source: str
    value: int

    def __call__(self, _: Files, facts: Facts) -> Limit:
        """The limit with what is used of it now, malloc's free memory not counted: after a rush a process keeps its
        address space, and can do the same work in it again."""
        whole = self.source == ADDRESS_SPACE[0]
        return Limit(
            f"{'address space' if whole else 'data'} of the process",
            limit=self.value,
            used=max(0, (facts.address_space if whole else facts.data) - facts.free_heap),
            unit="bytes",
            source=self.source,
            kills=False,
            fails=True,
            note=self._note,
        )

    @cached_property
    def _note(self) -> str:
        if self.source == DATA[0]:
            return "An allocation fails with MemoryError."
        return "An allocation fails with MemoryError, also where most of the address space is no memory at all."


def memory_limits(files: Files) -> list[MemoryLimit]:
    """RLIMIT_AS and RLIMIT_DATA as far as they are set.

    RLIMIT_DATA counts all writable private memory since Linux 4.7, before that only what brk gives (getrlimit(2)).
    RLIMIT_RSS is left out: the kernel has not looked at it since 2.4.30.
    """
    soft = soft_limits(files)
    return [MemoryLimit(source, soft[name]) for source, name in (ADDRESS_SPACE, DATA) if name in soft]


def open_files(files: Files) -> Limit | None:
    """RLIMIT_NOFILE against the descriptors that are open."""
    limit = soft_limits(files).get(OPEN_FILES[1])
    directory = files.path(files.proc("fd"))
    if limit is None:
        return None
    try:
        # The descriptor by which the list is read is in it, and gone by the time it is looked at again.
        used = sum(os.path.lexists(f"{directory}/{name}") for name in os.listdir(directory))
    except OSError:
        files.odd(files.proc("fd"))
        return None
    return Limit(
        "open files of the process",
        limit=limit,
        used=used,
        unit="count",
        source=OPEN_FILES[0],
        kills=False,
        fails=True,
        note="accept, open and connect fail with OSError 24 (Too many open files); each connection is one.",
    )


def threads_of_user(files: Files) -> Limit | None:
    """RLIMIT_NPROC against the threads of all processes of the user, as far as they can be seen from here.

    None for root, whom the kernel does not hold to it. Processes in other containers of the same user count and cannot
    be seen, nor can any where `/proc` is mounted with hidepid: the true number may be higher.
    """
    limit = soft_limits(files).get(PROCESSES[1])
    user = real_user(files, files.process)
    if limit is None or not user:
        return None
    try:
        numbers = [name for name in os.listdir(files.path("/proc")) if name.isdigit()]
    except OSError:
        files.odd("/proc")
        return None
    return Limit(
        f"processes and threads of user {user}",
        limit=limit,
        used=sum(_threads(files, number, user) for number in numbers),
        unit="count",
        source=PROCESSES[0],
        kills=False,
        fails=True,
        note="fork fails with OSError 11, starting a thread with RuntimeError (can't start new thread).",
    )


def real_user(files: Files, process: str) -> int | None:
    """The real user id of a process."""
    found = re.search(r"^Uid:\s+(\d+)", files.text(f"/proc/{process}/status") or "", re.MULTILINE)
    return int(found.group(1)) if found else None


def thread_count(files: Files, process: str) -> int:
    """Threads of a process; 0 where it is not known."""
    return files.table(f"/proc/{process}/status").get("Threads", 0)


def _threads(files: Files, process: str, user: int) -> int:
    return thread_count(files, process) if real_user(files, process) == user else 0
