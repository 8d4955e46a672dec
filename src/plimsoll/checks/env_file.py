"""Rewrites a `.env` file as a whole or not at all: same owner and mode, written out before it takes the old one's
place, with a copy of the old one kept."""

import contextlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from plimsoll.errors import PlimsollError

NEW_MODE = 0o600
"""A new .env is its owner's alone: it holds passwords sooner or later. So is every copy."""


class EnvFileError(PlimsollError):
    """A file cannot be read or rewritten as it should be."""

    code = "PLE093"


@dataclass(frozen=True, slots=True)
class EnvContent:
    """A file as it was read. `path` is the real one, links followed; `stat` is None where there is no file."""

    path: Path
    text: str
    stat: os.stat_result | None = None


def read_file(path: Path) -> EnvContent:
    """The file with its line breaks as they are; a missing one is empty.

    Raises:
        EnvFileError: it cannot be read, or is not a file of UTF-8 text.
    """
    real = path.resolve()
    try:
        with open(real, "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise EnvFileError(f"{path} is not a plain file, so it is not rewritten.")
            return EnvContent(real, file.read().decode("utf-8"), found)
    except FileNotFoundError:
        return EnvContent(real, "")
    except OSError as error:
        raise EnvFileError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise EnvFileError(f"{path} is not UTF-8 text, so it is not rewritten.") from error


def may_rewrite(content: EnvContent) -> None:
    """Nothing where the file can be rewritten with the owner that it has.

    Raises:
        EnvFileError: it cannot; the words say what to do.
    """
    directory = content.path.parent
    if not os.access(directory, os.W_OK | os.X_OK):
        raise EnvFileError(
            f"{directory} cannot be written to by this user, so {content.path.name} cannot be replaced as a whole. Run "
            "this as the user who owns it."
        )
    owner = None if content.stat is None else content.stat.st_uid
    if owner is not None and os.geteuid() not in (0, owner):
        raise EnvFileError(
            f"{content.path} belongs to user {owner}, who would lose it if this user ({os.geteuid()}) rewrote it. Run "
            "this as the user who owns it."
        )


def write_file(content: EnvContent, text: str) -> None:
    """Replace the file by `text` in one step: a reader, or a crash, finds the old one or the new one.

    Raises:
        EnvFileError: it has been changed since `content` was read, or cannot be written.
    """
    if read_file(content.path).text != content.text:
        raise EnvFileError(
            f"{content.path} was changed by somebody else in the meantime, so it was left. Run this again."
        )
    mode = NEW_MODE if content.stat is None else stat.S_IMODE(content.stat.st_mode)
    put(content.path, text, mode, content.stat, _attributes(content.path))


def _attributes(path: Path) -> dict[str, bytes]:
    """Extended attributes of a file: access lists, by which a web server's user may read it, and SELinux's label."""
    try:
        return {name: os.getxattr(path, name) for name in os.listxattr(path)}
    except (OSError, AttributeError):
        return {}


def remove_file(content: EnvContent) -> None:
    """Remove a file that was made here and has nothing in it any more.

    Raises:
        EnvFileError: it has been changed since `content` was read, or cannot be removed.
    """
    if read_file(content.path).text != content.text:
        raise EnvFileError(f"{content.path} was changed by somebody else in the meantime, so it was left.")
    try:
        content.path.unlink()
        sync_directory(content.path.parent)
    except OSError as error:
        raise EnvFileError(f"{content.path} cannot be removed: {error.strerror}.") from error


def keep_copy(content: EnvContent, path: Path) -> None:
    """A copy of the file as it was read, readable by its owner alone."""
    put(path, content.text, NEW_MODE, content.stat)


def put(
    path: Path,
    text: str,
    mode: int,
    like: os.stat_result | None = None,
    attributes: Mapping[str, bytes] = MappingProxyType({}),
) -> None:
    """Write a file beside its place, on disk, then move it there. `like` is the file whose owner it shall have, and
    `attributes` are the extended ones that it shall have.

    Raises:
        EnvFileError: it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, NEW_MODE)
        try:
            with open(descriptor, "wb") as file:
                if like is not None and (like.st_uid, like.st_gid) != (os.geteuid(), os.getegid()):
                    _give(file.fileno(), like)
                for name, value in attributes.items():
                    # Some are the kernel's to give, and some file systems have none.
                    with contextlib.suppress(OSError):
                        os.setxattr(file.fileno(), name, value)
                os.fchmod(file.fileno(), mode)
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        sync_directory(path.parent)
    except OSError as error:
        raise EnvFileError(f"{path} cannot be written: {error.strerror}. It is as it was.") from error


def _give(descriptor: int, like: os.stat_result) -> None:
    """The owner and the group of the old file."""
    try:
        os.fchown(descriptor, like.st_uid, like.st_gid)
    except PermissionError as error:
        raise EnvFileError(
            f"It belongs to user {like.st_uid} and group {like.st_gid}, which this user cannot give to a new file: run "
            "this as root, or as a user who is in that group. It is as it was."
        ) from error


def sync_directory(directory: Path) -> None:
    """Make a rename or a removal in a directory outlive a crash of the machine."""
    # Some file systems cannot do that; the file itself is in its place all the same.
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
