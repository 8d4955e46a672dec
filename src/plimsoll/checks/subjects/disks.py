"""PL610: whether there is room where the service, its uploads and a database on this host write."""

import shlex

from plimsoll.capacity.wording import amount
from plimsoll.checks import amounts
from plimsoll.checks.about import about
from plimsoll.checks.check import BOTH, Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.verdict import CouldNot, Found, Level, Passed, Verdict
from plimsoll.host import Disk

MIB = 1 << 20
LITTLE_BYTES = 1024 * MIB
LITTLE_SHARE = 0.1
"""Both must be so: a tenth of a large disk is much, and a small one that is empty is no fault."""

HARDLY_BYTES = 100 * MIB
"""MariaDB's redo log alone is 96 MiB by default (`innodb_log_file_size`)."""

LITTLE_FILES_SHARE = 0.02
"""Of the files that the file system was made for; ext4 makes room for millions."""


def _look(facts: Facts) -> Verdict:
    disks = facts.disks.value
    if not disks:
        return CouldNot(
            "no file system of this host could be looked at",
            "Run the check on the host and as the user of the service.",
        )
    short = [disk for disk in disks if _is_short(disk) or _lacks_files(disk)]
    if not short:
        least = min(disks, key=lambda disk: disk.free_bytes)
        return Passed(f"At least {_room(least)}.")
    worst = min(short, key=lambda disk: disk.free_bytes)
    count = "du -xh" if _is_short(worst) else "du -x --inodes"
    return Found(
        f"Only {'; only '.join(words for disk in short for words in _lacks(disk))}.",
        f"See what takes it: {count} --max-depth=3 {shlex.quote(worst.path)} | sort -h | tail -30. Mostly it is logs"
        " that nobody rotates (the server's slow log), dumps and old releases, or what a server keeps of its changes"
        " (MariaDB and MySQL: SHOW BINARY LOGS, and PURGE BINARY LOGS for those that no replica needs; PostgreSQL: a"
        " replication slot that nobody reads). Never remove a database's files by hand.",
        level=Level.ERROR if any(map(_is_full, short)) else None,
        numbers={"free_bytes": float(worst.free_bytes)},
    )


def _is_short(disk: Disk) -> bool:
    return disk.free_bytes < min(LITTLE_BYTES, LITTLE_SHARE * disk.size_bytes)


def _lacks_files(disk: Disk) -> bool:
    return disk.free_files < LITTLE_FILES_SHARE * disk.files


def _lacks(disk: Disk) -> list[str]:
    return [_room(disk)] * _is_short(disk) + [_files(disk)] * _lacks_files(disk)


def _is_full(disk: Disk) -> bool:
    return (_is_short(disk) and disk.free_bytes < HARDLY_BYTES) or (disk.files > 0 and disk.free_files == 0)


def _room(disk: Disk) -> str:
    share = amounts.percent(disk.free_bytes, disk.size_bytes)
    return f"{amount(disk.free_bytes)} of {amount(disk.size_bytes)} ({share}) are free at {disk.path} ({disk.what})"


def _files(disk: Disk) -> str:
    return f"{disk.free_files:,} of {disk.files:,} files can still be made at {disk.path} ({disk.what})"


CHECKS: tuple[Check, ...] = (
    Check(
        id="PL610",
        title="A disk is nearly full",
        level=Level.WARNING,
        tags=frozenset({"host", "limits", "disk"}),
        meaning="A database that cannot write stops: statements hang or fail, and so does every request that waits for "
        "them. Uploads, logs and migrations fail before that.",
        about=about(
            looks_at="What is free on the file systems of the application, of temporary files (uploads are kept there),"
            " of SQLite's file, and of the data of a server on this host, where its directory is seen from here"
            " (`datadir`; `data_directory` where a PostgreSQL account may see it): bytes, and how many files can still"
            " be made. What is kept for root does not count.",
            why="A full disk looks like a database that hangs: MariaDB waits until there is room, PostgreSQL ends,"
            " SQLite says that the disk is full. A restart helps none of them.",
            threshold="Less than 1 GiB and less than a tenth of the file system; an error below 100 MiB, which is about"
            " one redo log of MariaDB (`innodb_log_file_size`, 96 MiB by default). Or less than 2 % of the files that"
            " it was made for. A quota of the account does not show here: see the hoster's panel, or `quota -s`.",
            suppress="The file system is meant to be full, such as one that is only read.",
        ),
        look=_look,
        stages=BOTH,
    ),
)
