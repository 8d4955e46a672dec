"""How much room is left where files are written: one entry for each file system."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system of `what`: bytes that we may still write (root's reserve left out) of `size_bytes`, and files
    that may still be made of `files`, which is 0 where the file system does not count them."""

    what: str
    path: str
    free_bytes: int
    size_bytes: int
    free_files: int = 0
    files: int = 0


def disks_of(places: Mapping[str, str]) -> tuple[Disk, ...]:
    """The file systems of these paths, by what lies there. A path that is not there yet counts as the directory that
    is; one that may not be looked at is left out. Raises nothing."""
    found: dict[int, Disk] = {}
    for what, path in places.items():
        try:
            there = _there(os.path.realpath(path))
            device, figures = os.stat(there).st_dev, os.statvfs(there)
        except (OSError, ValueError):
            continue
        if figures.f_blocks == 0:  # /proc and its like hold nothing
            continue
        known = found.get(device)
        found[device] = (
            replace(known, what=f"{known.what}, {what}")
            if known is not None
            else Disk(
                what,
                there,
                figures.f_bavail * figures.f_frsize,
                figures.f_blocks * figures.f_frsize,
                figures.f_favail,
                figures.f_files,
            )
        )
    return tuple(found.values())


def _there(path: str) -> str:
    while not os.path.exists(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    return path
