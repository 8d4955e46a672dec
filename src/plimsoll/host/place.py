"""Where a file lies: on which file system, of which kind, and whether we may write beside it."""

import os
import re
from dataclasses import dataclass

from plimsoll.host.files import Files

_ESCAPED = re.compile(r"\\([0-7]{3})")
"""A space, tab, line end or backslash in a mount's path, as `/proc/self/mounts` writes it (proc_pid_mounts(5))."""


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a file. `path` is absolute, symbolic links followed; `exists` says whether the file is there.

    `filesystem` is the kernel's name of its kind (ext4, nfs4, overlay), None where it cannot be told; `mount` the path
    at which it hangs. `directory_writable` says whether this process may make files beside it.
    """

    path: str
    exists: bool
    directory_exists: bool
    directory_writable: bool
    filesystem: str | None = None
    mount: str | None = None


def place_of(path: str, root: str = "/") -> Place:
    """Where `path` lies; `root` is the tree whose `/proc` tells the mounts. Raises nothing."""
    absolute = os.path.realpath(path)
    directory = os.path.dirname(absolute)
    mount = mount_of(absolute, Files(root).text("/proc/self/mounts") or "")
    return Place(
        path=absolute,
        exists=os.path.exists(absolute),
        directory_exists=os.path.isdir(directory),
        directory_writable=os.access(directory, os.W_OK | os.X_OK),
        filesystem=mount[1] if mount else None,
        mount=mount[0] if mount else None,
    )


def mount_of(path: str, mounts: str) -> tuple[str, str] | None:
    """The mount that an absolute path lies below, and its kind, by the text of `/proc/self/mounts`.

    The deepest one holds; of two at the same place the later hides the earlier.
    """
    found: tuple[str, str] | None = None
    for entry in mounts.splitlines():
        fields = entry.split(" ")
        if len(fields) < 3:
            continue
        at, kind = _ESCAPED.sub(lambda match: chr(int(match[1], 8)), fields[1]), fields[2]
        below = at == "/" or path == at or path.startswith(at.rstrip("/") + "/")
        if below and (found is None or len(at) >= len(found[0])):
            found = (at, kind)
    return found
