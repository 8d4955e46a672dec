"""Where the control groups of a process lie: its own and every parent that can be seen, of cgroup v1 and v2."""

import re
from dataclasses import dataclass

from plimsoll.host.files import Files

V1_FALLBACK = "/sys/fs/cgroup"
"""Where distributions mount the hierarchies, for a /proc without mountinfo."""


@dataclass(frozen=True, slots=True)
class Group:
    """One control group: the directory of its files, its version, and how people call it."""

    directory: str
    version: int
    name: str


@dataclass(frozen=True, slots=True)
class _Mount:
    root: str
    point: str
    version: int
    controllers: tuple[str, ...]


def groups(files: Files, controller: str) -> list[Group]:
    """The groups with this controller ("memory", "pids") that hold the process, its own first, then each parent.

    A container with a cgroup namespace sees its own group as the top: limits above it bind and cannot be read.
    """
    found: list[Group] = []
    for line in (files.text(files.proc("cgroup")) or "").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        version = 2 if number == "0" and not controllers else 1
        if version == 2 or controller in controllers.split(","):
            found += _chain(_mount(files, version, controller, path), path)
    return found


def _chain(mount: _Mount, path: str) -> list[Group]:
    inside = _inside(mount.root, path)
    chain = []
    while True:
        chain.append(Group(f"{mount.point}{inside}", mount.version, inside or "/"))
        if not inside:
            return chain
        inside = inside.rpartition("/")[0]


def _inside(root: str, path: str) -> str:
    """The group's path below the mount point, "" for the mount point itself.

    Without a cgroup namespace a container has its own group mounted and reads the host's path; what lies outside of
    it ("/../x") is not reachable, and the mount point is the nearest group that is.
    """
    path, root = path.rstrip("/"), root.rstrip("/")
    if ".." in path.split("/") or not f"{path}/".startswith(f"{root}/"):
        return ""
    return path[len(root) :]


def _mount(files: Files, version: int, controller: str, path: str) -> _Mount:
    """The mount of this hierarchy that shows the path, else any, else where it is by custom."""
    suited = [
        mount
        for mount in _mounts(files)
        if mount.version == version and (version == 2 or controller in mount.controllers)
    ]
    for mount in suited:
        if _inside(mount.root, path) or mount.root.rstrip("/") == path.rstrip("/"):
            return mount
    if suited:
        return suited[0]
    point = V1_FALLBACK if version == 2 else f"{V1_FALLBACK}/{controller}"
    return _Mount("/", point, version, (controller,))


def _mounts(files: Files) -> list[_Mount]:
    # The reader's own mounts, also where another process is asked about: its paths are opened from here.
    found = []
    for line in (files.text("/proc/self/mountinfo") or "").splitlines():
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(), after.split()
        if len(fields) > 4 and len(kinds) > 2 and kinds[0] in ("cgroup", "cgroup2"):
            version = 2 if kinds[0] == "cgroup2" else 1
            found.append(_Mount(_plain(fields[3]), _plain(fields[4]), version, tuple(kinds[2].split(","))))
    return found


def _plain(path: str) -> str:
    """Without mountinfo's escapes: a space is written as \\040 (proc_pid_mountinfo(5))."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), path)
