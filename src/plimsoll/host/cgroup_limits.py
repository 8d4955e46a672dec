"""Limits of control groups: memory (v2: max and high; v1: limit_in_bytes) and numbers of processes."""

from collections.abc import Iterator
from dataclasses import dataclass

from plimsoll.host.cgroups import Group, groups
from plimsoll.host.files import UNLIMITED, Files
from plimsoll.host.limit import Limit
from plimsoll.host.machine import Facts

KILLED = "The kernel kills a process of the group (SIGKILL): no MemoryError, no last word."
SLOWED = "Processes of the group are slowed down, the more the further they are above it."
HELD = "Processes of the group stop and wait for memory, for ever if none comes (its OOM killer is off)."


@dataclass(frozen=True, slots=True)
class GroupMemory:
    """One memory limit of one group, to be measured again and again.

    What a group uses counts its file cache, which the kernel gives up before the limit strikes. So the cache that has
    not been used lately is taken off (`inactive_file`), as Kubernetes' kubelet does for its "working set". In `left`
    counts the swap that the group may still use: while there is some, the kernel swaps and does not kill.
    """

    group: Group
    parents: tuple[Group, ...]
    file: str
    counted: bool = True
    """Whether `struck` is read too; a sample many times a second goes without."""

    @property
    def source(self) -> str:
        """The file that has the limit."""
        return f"{self.group.directory}/{self.file}"

    def __call__(self, files: Files, facts: Facts) -> Limit | None:
        """The limit and what is used of it now; None where it is not limited."""
        directory = self.group.directory
        limit = files.limit(self.source)
        if limit is None:
            return None
        v2 = self.group.version == 2
        current = files.number(f"{directory}/{'memory.current' if v2 else 'memory.usage_in_bytes'}")
        if current is None:
            return None
        kills, note, struck = self._strike(files)
        return Limit(
            f"memory of the cgroup {self.group.name}",
            limit=limit,
            used=max(0, current - self._cache(files, limit, current)),
            unit="bytes",
            source=self.source,
            kills=kills,
            note=note,
            swap_left=self._swap_left(files, facts.swap_free) if facts.swap_free else 0,
            struck=struck,
        )

    def _cache(self, files: Files, limit: int, current: int) -> int:
        if not self.counted and current < limit // 2:
            # memory.stat is the dearest file of all to read; far from the limit it would change nothing.
            return 0
        stat = files.table(f"{self.group.directory}/memory.stat")
        # v1 has the group alone under the plain name, and with its children under this one.
        return stat.get("inactive_file", 0) if self.group.version == 2 else stat.get("total_inactive_file", 0)

    def _swap_left(self, files: Files, swap_free: int) -> int:
        if self.group.version == 2:
            return min(swap_free, *(_swap_of(files, group.directory) for group in (self.group, *self.parents)))
        directory = self.group.directory
        both = files.limit(f"{directory}/memory.memsw.limit_in_bytes")
        if both is None:
            return swap_free
        # v1 limits memory and swap together: what the memory limit still leaves is not there for swap as well.
        both_left = both - (files.number(f"{directory}/memory.memsw.usage_in_bytes") or 0)
        memory_left = (files.limit(self.source) or 0) - (files.number(f"{directory}/memory.usage_in_bytes") or 0)
        return max(0, min(swap_free, both_left - max(0, memory_left)))

    def _strike(self, files: Files) -> tuple[bool, str, int | None]:
        """Whether it kills, what happens, and how often it has."""
        if self.group.version == 2:
            events = files.table(f"{self.group.directory}/memory.events") if self.counted else {}
            if self.file == "memory.high":
                return False, SLOWED, events.get("high")
            reached = f" Times reached: {events['max']}." if events.get("max") else ""
            return True, KILLED + reached, events.get("oom_kill")
        control = files.table(f"{self.group.directory}/memory.oom_control") if self.counted else {}
        if control.get("oom_kill_disable"):
            return False, HELD, control.get("oom_kill")
        reached_times = files.number(f"{self.group.directory}/memory.failcnt") if self.counted else None
        reached = f" Times reached: {reached_times}." if reached_times else ""
        return True, KILLED + reached, control.get("oom_kill")


def _swap_of(files: Files, directory: str) -> int:
    """Bytes of swap that a v2 group may still use by its own limit."""
    limit = files.limit(f"{directory}/memory.swap.max")
    return UNLIMITED if limit is None else max(0, limit - (files.number(f"{directory}/memory.swap.current") or 0))


def memory_gauges(files: Files, *, counted: bool = True) -> Iterator[GroupMemory]:
    """Every memory limit that a group of the process may have, its own group first."""
    chain = groups(files, "memory")
    for place, group in enumerate(chain):
        if group.version == 2:
            parents = tuple(above for above in chain[place + 1 :] if above.version == group.version)
            yield GroupMemory(group, parents, "memory.max", counted)
            yield GroupMemory(group, parents, "memory.high", counted)
        else:
            yield GroupMemory(group, (), "memory.limit_in_bytes", counted)
            parent = f"{group.directory.rpartition('/')[0]}/memory.use_hierarchy"
            if files.number(parent) == 0:
                # A parent that does not count its children, as it was on old kernels, does not bind them.
                return


def process_limits(files: Files) -> Iterator[Limit]:
    """`pids.max` of each group: threads and processes, both count (the kernel calls them tasks)."""
    for group in groups(files, "pids"):
        limit = files.limit(f"{group.directory}/pids.max")
        used = files.number(f"{group.directory}/pids.current")
        if limit is None or used is None:
            continue
        yield Limit(
            f"processes and threads of the cgroup {group.name}",
            limit=limit,
            used=used,
            unit="count",
            source=f"{group.directory}/pids.max",
            kills=False,
            fails=True,
            note="fork fails with OSError 11, starting a thread with RuntimeError (can't start new thread).",
            struck=files.table(f"{group.directory}/pids.events").get("max"),
        )
