"""The memory of the machine, and what this process takes of it."""

from dataclasses import dataclass

from plimsoll.host.files import PAGE_BYTES, Files
from plimsoll.host.heap import free_heap_bytes
from plimsoll.host.limit import Limit

STRICT_OVERCOMMIT = 2
"""vm.overcommit_memory: the kernel promises no more than CommitLimit (proc_sys_vm(5)). 0 and 1 promise nearly all."""

OVERCOMMIT = "/proc/sys/vm/overcommit_memory"
MEMINFO = "/proc/meminfo"


@dataclass(frozen=True, slots=True)
class Facts:
    """What several limits are measured by, read once: bytes of this process, and `/proc/meminfo` in bytes.

    `data` counts writable private memory, with the stack, which RLIMIT_DATA leaves out (132 KiB as a rule). `free_heap`
    is the part of both that malloc has and nobody uses; 0 for another process, which cannot be asked.
    """

    address_space: int
    rss: int
    data: int
    free_heap: int
    meminfo: dict[str, int]

    @property
    def swap_free(self) -> int:
        """Bytes of swap that nobody uses."""
        return self.meminfo.get("SwapFree", 0)


def read_facts(files: Files) -> Facts | None:
    """The facts of now; None where there is no `/proc` as Linux has it."""
    statm = files.text(files.proc("statm"))
    if statm is None:
        return None
    try:
        pages = [int(word) for word in statm.split()]
        address_space, rss, data = pages[0] * PAGE_BYTES, pages[1] * PAGE_BYTES, pages[5] * PAGE_BYTES
    except (ValueError, IndexError):
        files.odd(files.proc("statm"))
        return None
    free_heap = free_heap_bytes() if files.are_own else 0
    return Facts(address_space, rss, data, free_heap, _meminfo(files))


def _meminfo(files: Files) -> dict[str, int]:
    """The few lines that are used. The file has 50, and this is read with each sample."""
    text = files.text(MEMINFO)
    if text is None:
        return {}
    found: dict[str, int] = {}
    for name in ("MemTotal", "MemAvailable", "SwapFree", "CommitLimit", "Committed_AS"):
        start = text.find(f"{name}:")
        value = text[start + len(name) + 1 : text.find("\n", start)].removesuffix("kB").strip() if start >= 0 else ""
        if value.isdigit():
            found[name] = int(value) * 1024
    if "MemTotal" in found and "MemAvailable" not in found:
        # A kernel before 3.14, or a /proc that a container's manager has replaced.
        files.odd(f"{MEMINFO} (MemAvailable)")
    return found


def physical(_: Files, facts: Facts) -> Limit | None:
    """Memory of the machine that can be had without swapping, and its free swap, in bytes.

    MemAvailable is the kernel's own estimate and includes the file cache that it would give up. It is a distance, not a
    percentage of the host: on a shared machine a high share is normal.
    """
    meminfo = facts.meminfo
    if "MemTotal" not in meminfo or "MemAvailable" not in meminfo:
        return None
    return Limit(
        "memory of the machine",
        limit=meminfo["MemTotal"],
        used=meminfo["MemTotal"] - meminfo["MemAvailable"],
        unit="bytes",
        source=MEMINFO,
        kills=True,
        note="The kernel kills the process that it thinks best to end, of any user.",
        swap_left=facts.swap_free,
    )


def commit(_: Files, facts: Facts) -> Limit | None:
    """What the kernel may still promise, where it keeps account of promises (strict overcommit only)."""
    meminfo = facts.meminfo
    if "CommitLimit" not in meminfo or "Committed_AS" not in meminfo:
        return None
    return Limit(
        "promised memory of the machine",
        limit=meminfo["CommitLimit"],
        used=meminfo["Committed_AS"],
        unit="bytes",
        source=f"{MEMINFO} (CommitLimit)",
        kills=False,
        fails=True,
        note="An allocation fails with MemoryError, in any process of the machine (vm.overcommit_memory is 2).",
    )


def promises_are_counted(files: Files) -> bool:
    """Whether `commit` binds on this machine."""
    return files.number(OVERCOMMIT) == STRICT_OVERCOMMIT
