"""PL00x: the .env file is its owner's alone and not in version control."""

import shlex
import stat

from plimsoll.checks.check import Check
from plimsoll.checks.facts import EnvFileFacts, Facts
from plimsoll.checks.verdict import Change, CouldNot, Found, Level, NotApplicable, Passed, Verdict

READ_WRITE = 0o6
OTHERS = stat.S_IROTH | stat.S_IWOTH
GROUP_AND_OTHERS = stat.S_IRGRP | stat.S_IWGRP | OTHERS
"""To execute a file of settings is of no use to anybody."""

MAY = {0o2: "write", 0o4: "read", 0o6: "read and write"}
ROOT = 0

TAGS = frozenset({"files", "secrets"})


def _private(facts: Facts) -> Verdict:
    file = facts.env_file.value
    mode = f"{file.path} has the mode {file.mode:04o}"
    open_bits = file.mode & GROUP_AND_OTHERS
    if not open_bits:
        return Passed(f"{mode}: its owner's alone")
    others, group = open_bits & READ_WRITE, open_bits >> 3 & READ_WRITE
    whose = {"every account of this machine": others, "its group": group & ~others}
    may = ", ".join(f"{who} may {MAY[bits]} it" for who, bits in whose.items() if bits)
    path = shlex.quote(str(file.path))
    return Found(
        f"{mode}: {may}",
        "Take everything from the group and the others.",
        (Change("shell", f"chmod 600 {path}", undo=f"chmod {file.mode:o} {path}", value="600", old=f"{file.mode:o}"),),
        level=None if open_bits & OTHERS else Level.WARNING,
        numbers={"mode": file.mode},
    )


def _owned(facts: Facts) -> Verdict:
    file = facts.env_file.value
    if file.owner == file.user:
        return Passed(f"{file.path} belongs to the user who runs this ({file.user})")
    if file.user == ROOT:
        return CouldNot(
            f"{file.path} belongs to user {file.owner} and this runs as root, so the service's user is not known",
            "Run the check as the user that the service runs as.",
        )
    path = shlex.quote(str(file.path))
    return Found(
        f"{file.path} belongs to user {file.owner}, and this runs as user {file.user}",
        "Give it to the user that the service runs as.",
        (Change("shell", f"chown {file.user} {path}", undo=f"chown {file.owner} {path}", privilege="root"),),
    )


def _untracked(facts: Facts) -> Verdict:
    file = _in_repository(facts)
    if isinstance(file, (CouldNot, NotApplicable)):
        return file
    if not file.tracked:
        return Passed(f"git does not have {file.path.name}")
    name = shlex.quote(str(file.path))
    return Found(
        f"git has {file.path}",
        "Take it out of version control, and change every password in it: it stays in the history of every clone.",
        (Change("shell", f"git rm --cached {name}", undo=f"git add -f {name}"),),
    )


def _ignored(facts: Facts) -> Verdict:
    file = _in_repository(facts)
    if isinstance(file, (CouldNot, NotApplicable)):
        return file
    if file.tracked:
        return NotApplicable("git has the file already (PL006)")
    if file.ignored:
        return Passed(f"git is told to leave {file.path.name} alone")
    ignore = shlex.quote(str(file.path.parent / ".gitignore"))
    return Found(
        f"{file.path} is in a git repository that does not ignore it",
        "Name it in .gitignore.",
        (Change("shell", f"echo {shlex.quote('/' + file.path.name)} >> {ignore}"),),
    )


def _in_repository(facts: Facts) -> EnvFileFacts | CouldNot | NotApplicable:
    file = facts.env_file.value
    if file.no_repository:
        return NotApplicable(f"{file.path} is in no git repository")
    if file.tracked is None or file.ignored is None:
        return CouldNot(
            f"git could not be asked: {file.git_error or 'it gave no answer'}", "Install git, or look by hand."
        )
    return file


CHECKS: tuple[Check, ...] = (
    Check(
        "PL004",
        "The .env file can be read by others",
        Level.ERROR,
        TAGS,
        "Whoever has an account on this machine, or breaks into one, has the database's password.",
        """\
The permission bits of `.env` in the directory the service runs in: none may be set for the group or for others
(`mode & 066`). Bits of others are an error; those of the group alone a warning, since on some hosts each user has a
group of their own.

Suppress it where only the service's user is in the group.
""",
        _private,
    ),
    Check(
        "PL005",
        "The .env file belongs to somebody else",
        Level.WARNING,
        TAGS,
        "Its owner can change the service's database and passwords, and can lock the service out of the file.",
        """\
The owner of `.env` against the user who runs the check, which should be the user that the service runs as. Run as root
the check cannot tell, and says so, unless the file is root's.

Suppress it where a deployment tool owns the file on purpose.
""",
        _owned,
    ),
    Check(
        "PL006",
        "The .env file is in version control",
        Level.CRITICAL,
        TAGS,
        "Everybody who can read the repository, and its history, has the passwords.",
        """\
`git ls-files` is asked whether it has `.env`; hooks and the file system monitor are off, so nothing of the repository
is run. Where there is no git program, or it refuses the repository, the check could not tell.

Taking the file out does not take it out of the history: the passwords must be changed.
""",
        _untracked,
    ),
    Check(
        "PL007",
        "Version control would take the .env file",
        Level.WARNING,
        TAGS,
        "The next 'git add .' puts the passwords into the repository.",
        """\
`git check-ignore` is asked whether `.env` is ignored, by `.gitignore` or by any other of git's lists.
""",
        _ignored,
    ),
)
