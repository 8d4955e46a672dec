"""Which process of this host has the other end of a TCP connection: from its port, as far as this user may see."""

import os
from collections.abc import Collection, Iterable, Iterator

from plimsoll.host.files import Files

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
ESTABLISHED = "01"
MOST_PROCESSES = 1_000
"""More are not looked through: this is done between two requests."""


def owners(ports: Collection[int], first: Iterable[int] = (), root: str = "/") -> dict[int, int]:
    """By local port of a connection that stands the process that has it. Those in `first` are looked at first: where
    they have all, nobody else is."""
    inodes = dict(_inodes(ports, Files(root)))
    found: dict[int, int] = {}
    for pid in _processes(first, root):
        if not inodes:
            break
        for inode in _sockets(pid, root):
            port = inodes.pop(inode, None)
            if port is not None:
                found[port] = pid
    return found


def program(pid: int, root: str = "/") -> str:
    """The name of a process's program; empty where it is gone."""
    return (Files(root).text(f"/proc/{pid}/comm") or "").strip()


def siblings(root: str = "/") -> list[int]:
    """This process, and those of the same program that its parent has started too, as a server does its workers; this
    one alone where the parent is the system's first."""
    own, parent = os.getpid(), os.getppid()
    if parent <= 1:
        return [own]
    children = (Files(root).text(f"/proc/{parent}/task/{parent}/children") or "").split()
    others = [int(word) for word in children if word.isdigit() and int(word) != own]
    executable = _executable(own, root)
    return [own, *(pid for pid in others if _executable(pid, root) == executable)]


def _executable(pid: int, root: str) -> str:
    try:
        return os.readlink(os.path.join(root, "proc", str(pid), "exe"))
    except OSError:
        return ""


def _inodes(ports: Collection[int], files: Files) -> Iterator[tuple[str, int]]:
    for table in TABLES:
        for line in (files.text(table) or "").splitlines()[1:]:
            fields = line.split()
            if len(fields) > 9 and fields[3] == ESTABLISHED:
                port = int(fields[1].rpartition(":")[2], 16)
                if port in ports:
                    yield fields[9], port


def _processes(first: Iterable[int], root: str) -> Iterator[int]:
    yield from (seen := list(first))
    try:
        names = os.listdir(os.path.join(root, "proc"))
    except OSError:
        return
    known = set(seen)
    others = [int(name) for name in names if name.isdigit() and int(name) not in known]
    yield from others[:MOST_PROCESSES]


def _sockets(pid: int, root: str) -> Iterator[str]:
    directory = os.path.join(root, "proc", str(pid), "fd")
    try:
        names = os.listdir(directory)
    except OSError:  # gone, or another user's
        return
    for name in names:
        try:
            target = os.readlink(os.path.join(directory, name))
        except OSError:
            continue
        if target.startswith("socket:["):
            yield target[len("socket:[") : -1]
