"""All limits of a process at once: for `plimsoll limits`, for reports, and for whoever asks why."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from plimsoll.host import cgroup_limits, lve, machine, rlimits
from plimsoll.host.files import Files
from plimsoll.host.limit import Limit, binding
from plimsoll.host.machine import Facts, read_facts

Gauge = Callable[[Files, Facts], Limit | None]
"""Measures one limit; it keeps where to look and reads anew each time."""

NOT_LINUX = "There is no /proc as Linux has it, so the limits of this host cannot be read."


@dataclass(frozen=True, slots=True)
class Survey:
    """What binds a process. `unlimited` names limits that are looked for and not set; `unreadable` the files that are
    there and could not be read; `notes` are sentences for people."""

    memory: tuple[Limit, ...]
    counts: tuple[Limit, ...]
    unlimited: tuple[str, ...]
    unreadable: tuple[str, ...]
    notes: tuple[str, ...]
    rss_bytes: int
    address_space_bytes: int

    @property
    def binding(self) -> Limit | None:
        """The memory limit that strikes first."""
        return binding(self.memory)


def survey(root: str = "/", process: str = "self") -> Survey:
    """Everything about `process` ("self" or its number) that can be read below `root`; raises nothing."""
    files = Files(root, process)
    facts = read_facts(files)
    if facts is None:
        return Survey((), (), (), tuple(files.unreadable), (NOT_LINUX,), 0, 0)
    memory = tuple(limit for gauge in gauges(files) if (limit := gauge(files, facts)) is not None)
    counts = tuple(_counts(files))
    sources = {limit.source for limit in (*memory, *counts)}
    named = (rlimits.ADDRESS_SPACE, rlimits.DATA, rlimits.OPEN_FILES, rlimits.PROCESSES)
    return Survey(
        memory=memory,
        counts=counts,
        unlimited=tuple(source for source, _ in named if source not in sources),
        unreadable=tuple(files.unreadable),
        notes=tuple(_notes(files)),
        rss_bytes=facts.rss,
        address_space_bytes=facts.address_space,
    )


def memory_limits(root: str = "/", process: str = "self") -> tuple[Limit, ...]:
    """The limits in bytes. One that is missing or odd is left out (see `unreadable`)."""
    return survey(root, process).memory


def count_limits(root: str = "/", process: str = "self") -> tuple[Limit, ...]:
    """The limits of numbers: open files, threads and processes, entry processes."""
    return survey(root, process).counts


def unreadable(root: str = "/", process: str = "self") -> tuple[str, ...]:
    """The files that are there and cannot be read or understood, so that a limit in them would go unnoticed."""
    return survey(root, process).unreadable


def gauges(files: Files, *, counted: bool = True) -> Iterator[Gauge]:
    """A gauge for each memory limit that may bind. `counted` False leaves out how often limits have struck."""
    yield from rlimits.memory_limits(files)
    yield from cgroup_limits.memory_gauges(files, counted=counted)
    if files.text(lve.LIST) is not None:
        yield lve.LveMemory("MEMPHY")
        yield lve.LveMemory("MEM")
    yield machine.physical
    if machine.promises_are_counted(files):
        yield machine.commit


def _counts(files: Files) -> Iterator[Limit]:
    for limit in (rlimits.open_files(files), rlimits.threads_of_user(files)):
        if limit is not None:
            yield limit
    yield from cgroup_limits.process_limits(files)
    yield from lve.count_limits(files)


def _notes(files: Files) -> Iterator[str]:
    if files.text(lve.LIST) is not None and not lve.own_row(files):
        yield f"{lve.LIST} has no line for this user, so limits of a CloudLinux account are not shown."
    if rlimits.real_user(files, files.process) == 0:
        yield "The process runs as root, which RLIMIT_NPROC does not bind."
