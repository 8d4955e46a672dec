"""CloudLinux's limits of an account (LVE), as its kernel shows them in `/proc/lve/list`.

Not verified on a CloudLinux machine of our own. The format is taken from listings that other projects recorded on
CloudLinux 8 and 9: a first line "10:LVE" and the columns' names, parted by tabs, then a line an LVE, whose first field
is "<reseller>,<id>" and whose fields may be empty; the id is the account's user id. Limits begin with l, counts of
faults with f; 0 means no limit. Memory is in pages of 4 KiB (1 GiB is 262144 there).
Whether an ordinary user inside CageFS sees the file, and his line in it, depends on the host's set-up: where not, no
limit of an LVE is reported, and `survey().notes` says so if the file is there.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from plimsoll.host.files import Files
from plimsoll.host.limit import Limit
from plimsoll.host.machine import Facts
from plimsoll.host.rlimits import real_user

LIST = "/proc/lve/list"
LVE_PAGE_BYTES = 4096

OWN_ERROR = "The web server answers 508 (Resource Limit Is Reached) before the request gets here."
FORK_FAILS = "fork fails with OSError, starting a thread with RuntimeError."
KILLED = "CloudLinux gives up the account's file cache, then kills processes of the account."


@dataclass(frozen=True, slots=True)
class LveMemory:
    """A memory limit of the account: MEMPHY (physical) or MEM (virtual), to be measured again and again."""

    column: str

    def __call__(self, files: Files, _: Facts) -> Limit | None:
        """The limit and what all processes of the account use of it; None where it is not limited or not shown."""
        row = own_row(files)
        limit = row.get(f"l{self.column}", 0)
        if not limit or self.column not in row:
            return None
        physical = self.column == "MEMPHY"
        return Limit(
            f"{'physical' if physical else 'virtual'} memory of the account (LVE)",
            limit=limit * LVE_PAGE_BYTES,
            used=row[self.column] * LVE_PAGE_BYTES,
            unit="bytes",
            source=f"{LIST} (l{self.column})",
            kills=physical,
            fails=not physical,
            note=KILLED if physical else "An allocation fails with MemoryError.",
            struck=row.get(f"f{self.column}"),
        )


def count_limits(files: Files) -> Iterator[Limit]:
    """Entry processes, and processes with threads, of the account."""
    row = own_row(files)
    for column, name, note in (
        ("EP", "entry processes of the account (LVE)", OWN_ERROR),
        ("NPROC", "processes and threads of the account (LVE)", FORK_FAILS),
    ):
        limit = row.get(f"l{column}", 0)
        if limit and column in row:
            yield Limit(
                name,
                limit=limit,
                used=row[column],
                unit="count",
                source=f"{LIST} (l{column})",
                kills=False,
                fails=True,
                note=note,
                struck=row.get(f"f{column}"),
            )


def own_row(files: Files) -> dict[str, int]:
    """The account's line by the columns' names; empty where there is none. Root's is the line of defaults: none."""
    text = files.text(LIST)
    user = real_user(files, files.process) if text else None
    if not text or not user:
        return {}
    header, *lines = text.splitlines()
    # Parted at each tab: an empty field would otherwise shift those behind it.
    names = header.split("\t")
    if not names[0].endswith(":LVE"):
        files.odd(LIST)
        return {}
    for line in lines:
        fields = line.split("\t")
        if fields[0].rpartition(",")[2] == str(user):
            return {name: int(value) for name, value in zip(names[1:], fields[1:], strict=False) if value.isdigit()}
    return {}
