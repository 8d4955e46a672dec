"""A memory control group of a test's own, where the machine lets one be made."""

import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from plimsoll.host.cgroups import groups
from plimsoll.host.files import Files

LIMITS = ("memory.limit_in_bytes", "memory.max")
"""Of v1 and of v2."""

SWAP_LIMITS = ("memory.memsw.limit_in_bytes", "memory.swap.max")
"""v1 limits memory and swap together, v2 swap alone."""

EMPTY_WITHIN_S = 60.0


@contextmanager
def memory_group(limit_bytes: int) -> Iterator[Path]:
    """A new group below the top that can be seen, v1 or v2, with this limit and no swap. It is removed at the end, when
    the processes in it have ended; where none can be made the test is skipped."""
    reasons = []
    for top in (group.directory for group in groups(Files(), "memory") if group.name == "/"):
        group = Path(top, f"plimsoll-test-{os.getpid()}-{secrets.token_hex(3)}")
        try:
            group.mkdir()
        except OSError as error:
            reasons.append(f"{top}: {error.strerror}")
            continue
        try:
            reason = _limit(group, limit_bytes)
            if not reason:
                yield group
                return
            reasons.append(f"{top}: {reason}")
        finally:
            _remove(group)
    pytest.skip(f"no memory control group can be made here ({'; '.join(reasons) or 'none is mounted'})")


def _limit(group: Path, limit_bytes: int) -> str:
    """Set the limit; why it cannot be set, empty where it was."""
    name = next((name for name in LIMITS if (group / name).exists()), None)
    if name is None:
        return "a group below it has no limit of memory to set"
    try:
        (group / name).write_text(str(limit_bytes))
    except OSError as error:
        return f"{name}: {error.strerror}"
    with suppress(OSError):  # a kernel that counts no swap
        (group / SWAP_LIMITS[LIMITS.index(name)]).write_text(str(limit_bytes if name == LIMITS[0] else 0))
    return ""


def _remove(group: Path) -> None:
    ends_s = time.monotonic() + EMPTY_WITHIN_S
    while True:
        try:
            group.rmdir()
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > ends_s:
                raise
            time.sleep(0.1)
        else:
            return
