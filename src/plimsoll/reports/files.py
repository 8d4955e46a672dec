"""The directory of records: each is written whole or not at all, and the oldest go where there are too many."""

import contextlib
import gzip
import json
import os
import re
import stat
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

from plimsoll.errors import SnapshotError
from plimsoll.reports.record import Record, from_document

MOST_FILES = 20
MOST_BYTES = 20 << 20
"""Of all records in the directory, of all workers together."""

PLAIN_BYTES = 64 << 10
"""A larger record is compressed."""

LARGEST_FILE = 8 << 20
LARGEST_TEXT = 64 << 20
"""More than any record has: such a file is none, or was made to fill the memory of who reads it."""

ABANDONED_S = 3_600
"""A file that was begun so long ago is not being written any more."""

_NAME = re.compile(r"(\d{8}T\d{6}Z)-([a-z][a-z-]*)-(\d+)\.json(?:\.gz)?")


@dataclass(frozen=True, slots=True)
class Kept:
    """A file of the directory, as its name tells it. `at` is `2026-11-28 08:21:33`, in UTC."""

    path: Path
    at: str
    kind: str
    pid: int
    size: int


def write(directory: Path, kind: str, at_s: float, text: bytes, *, files: int, size: int) -> Path:
    """Keep a record, readable by this user only, and let the oldest go. Nobody ever sees a part of it.

    Raises:
        OSError: it cannot be written.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    large = len(text) > PLAIN_BYTES
    name = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(at_s))}-{kind}-{os.getpid()}.json{'.gz' if large else ''}"
    begun = directory / f".{name}.part"
    try:
        descriptor = os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "wb") as file:
            file.write(gzip.compress(text, 6) if large else text)
            file.flush()
            os.fsync(file.fileno())
        begun.replace(directory / name)
    except BaseException:
        with contextlib.suppress(OSError):
            begun.unlink()
        raise
    _make_room(directory, files, size)
    return directory / name


def kept(directory: Path) -> list[Kept]:
    """The records there, the newest first; files of others are passed over.

    Raises:
        OSError: the directory cannot be read.
    """
    found = []
    with os.scandir(directory) as entries:
        for entry in entries:
            name = _NAME.fullmatch(entry.name)
            if name is None or not entry.is_file(follow_symlinks=False):
                continue
            with contextlib.suppress(FileNotFoundError):  # another worker has just let it go
                size = entry.stat(follow_symlinks=False).st_size
                at = time.strptime(name[1], "%Y%m%dT%H%M%SZ")
                when = time.strftime("%Y-%m-%d %H:%M:%S", at)
                found.append(Kept(Path(entry.path), when, name[2], int(name[3]), size))
    return sorted(found, key=lambda each: each.path.name, reverse=True)


def _make_room(directory: Path, files: int, size: int) -> None:
    total = 0
    for place, each in enumerate(kept(directory)):
        total += each.size
        if place and (place >= files or total > size):
            each.path.unlink(missing_ok=True)
    for part in directory.glob(".*.part"):
        with contextlib.suppress(FileNotFoundError):
            ours = _NAME.fullmatch(part.name[1:].removesuffix(".part"))
            if ours and time.time() - part.stat(follow_symlinks=False).st_mtime > ABANDONED_S:
                part.unlink()


def read(path: Path) -> Record:
    """The record in a file.

    Raises:
        SnapshotError: there is none, or no whole one; says why.
    """
    try:
        # A pipe that nobody writes to would be waited for without end.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise SnapshotError(f"{path} cannot be read: it is no file")
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise SnapshotError(f"{path} cannot be read: {error.strerror or error}") from None
    if len(content) > LARGEST_FILE:
        raise SnapshotError(f"{path} is larger than {LARGEST_FILE >> 20} MiB, which no record is")
    try:
        text = _unpacked(content) if content[:2] == b"\x1f\x8b" else content
        return from_document(json.loads(text))
    except (EOFError, zlib.error, ValueError, RecursionError) as error:
        what = "it is empty" if not content else f"it is no record, or only a part of one ({_reason(error)})"
        raise SnapshotError(f"{path} cannot be read: {what}") from None
    except SnapshotError as error:
        raise SnapshotError(f"{path} cannot be read: {error.args[0]}") from None


def _unpacked(content: bytes) -> bytes:
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    text = unpacking.decompress(content, LARGEST_TEXT)
    if not unpacking.eof:
        what = "it would be too large" if unpacking.unconsumed_tail else "its end is missing"
        raise EOFError(what)
    return text


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
