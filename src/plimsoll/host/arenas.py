"""The address space that glibc's malloc reserves for threads: 64 MiB an arena, and little of it is memory."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from plimsoll.host.files import Files
from plimsoll.host.rlimits import thread_count

ARENA_BYTES = 64 << 20
"""HEAP_MAX_SIZE of glibc's malloc on 64-bit machines: each arena beside the first begins with a reservation of it."""

ARENAS_A_CORE = 8
"""glibc's own limit on 64-bit machines where none is set (mallopt(3), M_ARENA_MAX)."""


@dataclass(frozen=True, slots=True)
class Arenas:
    """Threads of a process now, how many arenas there may be beside the first one, and who said so.

    `most` is 0 where the C library has none (musl) or they are switched off by MALLOC_ARENA_MAX=1.
    """

    threads: int
    most: int
    source: str

    @property
    def reserved_bytes(self) -> int:
        """Address space that they take now, at most: a thread gets an arena when it first allocates."""
        return min(max(0, self.threads - 1), self.most) * ARENA_BYTES

    def bytes_for(self, more_threads: int) -> int:
        """Address space that so many more threads may take for arenas. Each also takes its stack (8 MiB as a rule)."""
        taken = max(0, self.threads - 1)
        return (min(taken + more_threads, self.most) - min(taken, self.most)) * ARENA_BYTES


def arenas(root: str = "/", process: str = "self", environ: Mapping[str, str] | None = None) -> Arenas:
    """What arenas may take in a process. `environ` is its environment: this one's if not given."""
    files = Files(root, process)
    most, source = _most(os.environ if environ is None else environ)
    return Arenas(thread_count(files, process), max(0, most - 1), source)


def _most(environ: Mapping[str, str]) -> tuple[int, str]:
    """Arenas in all, the first included."""
    tunable = re.search(r"glibc\.malloc\.arena_max=(\d+)", environ.get("GLIBC_TUNABLES", ""))
    set_to = tunable.group(1) if tunable else environ.get("MALLOC_ARENA_MAX", "")
    if not _is_glibc():
        return 1, "not glibc"
    if set_to.isdigit() and int(set_to) > 0:
        return int(set_to), "GLIBC_TUNABLES" if tunable else "MALLOC_ARENA_MAX"
    return ARENAS_A_CORE * (os.cpu_count() or 1), "glibc's default"


def _is_glibc() -> bool:
    try:
        return bool(os.confstr("CS_GNU_LIBC_VERSION"))
    except (AttributeError, ValueError, OSError):
        return False
