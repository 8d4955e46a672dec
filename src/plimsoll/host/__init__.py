"""The limits of this host that bind a process: which one is near, by how much, and what happens when it strikes.

Only reads `/proc` and `/sys`. What to do about a limit is decided elsewhere (`plimsoll.limiter`)."""

from plimsoll.host.arenas import Arenas, arenas
from plimsoll.host.disks import Disk, disks_of
from plimsoll.host.limit import Limit, binding
from plimsoll.host.place import Place, place_of
from plimsoll.host.reader import MemoryReader, MemorySample
from plimsoll.host.survey import Survey, count_limits, memory_limits, survey, unreadable

__all__ = [
    "Arenas",
    "Disk",
    "Limit",
    "MemoryReader",
    "MemorySample",
    "Place",
    "Survey",
    "arenas",
    "binding",
    "count_limits",
    "disks_of",
    "memory_limits",
    "place_of",
    "survey",
    "unreadable",
]
