"""SQLite: where the file lies: on a disk of this machine, to stay, and in a directory that we may write."""

from plimsoll.checks.about import about
from plimsoll.checks.check import Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.subjects.sqlite import file_of
from plimsoll.checks.verdict import CouldNot, Found, Level, NotApplicable, Passed, Verdict
from plimsoll.host import Place

NETWORK = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ncpfs", "9p", "virtiofs", "vboxsf", "ceph", "glusterfs"),
        *("lustre", "beegfs", "ocfs2", "gfs2", "davfs", "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone"),
        *("fuse.gcsfuse", "fuse.davfs", "fuse.ceph", "fuse.juicefs", "fuse.goofys", "fuse.grpcfuse"),
    }
)
"""The kernel's names of file systems whose files another machine may have open: it shares no locks' memory with us."""

VANISHING = frozenset({"tmpfs", "ramfs", "overlay", "aufs"})
"""Held in RAM, or in the top layer of a container, which is thrown away with it."""

TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm", "/run")  # noqa: S108 - looked for, not written


def _place(facts: Facts) -> Place:
    file_of(facts)
    return facts.database_place.value


def _look_at_disk(facts: Facts) -> Verdict:
    place = _place(facts)
    if place.filesystem is None:
        return CouldNot(f"on which file system {place.path} lies could not be read from /proc/self/mounts")
    evidence = f"{place.path} is on {place.filesystem} ({place.mount})."
    if place.filesystem.lower() not in NETWORK:
        return Passed(evidence)
    return Found(
        evidence=evidence,
        fix="Put the file on a disk of this machine, or set DATABASE_URL to a server.",
    )


def _look_at_stay(facts: Facts) -> Verdict:
    place = _place(facts)
    directory = next((top for top in TEMPORARY if place.path.startswith(f"{top}/")), "")
    kind = place.filesystem if place.filesystem in VANISHING else ""
    if not directory and not kind:
        return Passed(f"{place.path} is not in a temporary place.")
    if not directory and facts.settings.known and not facts.settings.value.production.active:
        return NotApplicable(f"{place.path} is on {kind}, which does for development.")
    what = f"in {directory}" if directory else f"on {kind} ({place.mount})"
    return Found(
        evidence=f"{place.path} is {what}.",
        fix="Put the file where it stays: a directory of the service's own, such as /var/lib/SERVICE, or a volume of"
        " the container.",
        level=Level.ERROR if facts.settings.known and facts.settings.value.production.active else None,
    )


def _look_at_directory(facts: Facts) -> Verdict:
    place = _place(facts)
    if not place.directory_exists:
        return Found(
            evidence=f"The directory of {place.path} does not exist.",
            fix="Make it, and let the service's user own it; or mend the path in DATABASE_URL (four slashes begin an"
            " absolute one: sqlite+aiosqlite:////var/lib/service/data.sqlite3).",
        )
    if place.directory_writable:
        return Passed(f"We may write in the directory of {place.path}.")
    return Found(
        evidence=f"We may not write in the directory of {place.path}.",
        fix="Let the service's user own the directory: SQLite keeps its log and its locks in files beside it.",
    )


CHECKS: tuple[Check, ...] = (
    Check(
        id="PL507",
        title="The SQLite file is on a network disk",
        level=Level.ERROR,
        tags=frozenset({"sqlite", "server", "files", "data"}),
        meaning="Locks are not kept there as SQLite needs them: the file can be damaged, and write-ahead logging does"
        " not work at all from a second host.",
        about=about(
            looks_at="The kind of the file system that the file lies on, by `/proc/self/mounts`.",
            why="sqlite.org, 'How To Corrupt An SQLite Database File': locks of network file systems are often"
            " broken. Write-ahead logging needs memory that all processes share.",
            threshold="NFS, SMB and others that another machine may have open too, those of virtual machines' shared"
            " folders among them.",
            suppress="One process of one host uses it and you have tried what happens at a power cut.",
        ),
        look=_look_at_disk,
    ),
    Check(
        id="PL508",
        title="The SQLite file is in a temporary place",
        level=Level.WARNING,
        tags=frozenset({"sqlite", "server", "files", "data"}),
        meaning="A restart, a clean-up job or the next container removes all data.",
        about=about(
            looks_at="Whether the file is below /tmp, /var/tmp, /dev/shm or /run, or on a file system in RAM or in a"
            " container's own layer.",
            why="systemd-tmpfiles empties these directories, and a container's layer goes with it.",
            threshold="Any of these. In production it is an error; in development a container's layer is fine.",
            suppress="The data may go.",
        ),
        look=_look_at_stay,
    ),
    Check(
        id="PL509",
        title="The directory of the SQLite file cannot be written",
        level=Level.ERROR,
        tags=frozenset({"sqlite", "server", "files"}),
        meaning="Every write fails with 'attempt to write a readonly database' or 'unable to open database file'.",
        about=about(
            looks_at="Whether the directory exists, and whether this process may make files in it.",
            why="SQLite makes files beside the database (`-wal`, `-shm`, `-journal`) and needs the directory for them.",
            threshold="It exists and may be written. The user that runs this check counts: run it as the service's.",
            suppress="The database is only read, and opened so.",
        ),
        look=_look_at_directory,
    ),
)
