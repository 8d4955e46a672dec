"""Learns about the .env file: whose it is, who may read it, and whether git has it or would take it."""

import os
import stat
import subprocess
from pathlib import Path

from plimsoll.checks.facts import EnvFileFacts
from plimsoll.checks.verdict import Known

GIT_S = 2.0
"""Seconds for one question to git, which answers in milliseconds unless its disk hangs."""

# Nothing that a repository's own configuration names is run: no hook, no file system monitor.
_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.untrackedCache=false")
_YES, _NO = 0, 1


class _GitError(Exception):
    """Git gave no answer, and why."""


def env_file_facts(path: Path) -> Known[EnvFileFacts]:
    """What is known of the file at `path`; irrelevant where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return Known(why=f"there is no file {path}", irrelevant=True)
    except OSError as error:
        return Known(why=f"{path} cannot be looked at: {error.strerror or error}")
    if not stat.S_ISREG(found.st_mode):
        return Known(why=f"{path} is no regular file", irrelevant=True)
    path = path.absolute()
    tracked, ignored, no_repository, git_error = _git(path)
    return Known(
        EnvFileFacts(
            path=path,
            mode=stat.S_IMODE(found.st_mode),
            owner=found.st_uid,
            user=os.geteuid(),
            tracked=tracked,
            ignored=ignored,
            no_repository=no_repository,
            git_error=git_error,
        )
    )


def _git(path: Path) -> tuple[bool | None, bool | None, bool, str]:
    """Tracked, ignored, whether there is no repository, and why git gave no answer."""
    try:
        if not any((parent / ".git").exists() for parent in path.parents):
            return None, None, True, ""
        tracked = _ask(path, "ls-files", "--error-unmatch") == _YES
        ignored = _ask(path, "check-ignore", "--quiet", "--no-index") == _YES
    except _GitError as error:
        return None, None, False, str(error)
    return tracked, ignored, False, ""


def _ask(path: Path, command: str, *options: str) -> int:
    """The exit status of a question about the file, which is 0 or 1."""
    # Variables such as GIT_DIR, which a hook that runs us has set, name another repository.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environ |= {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(  # noqa: S603 - fixed words and the file's name
            [*_GIT, command, *options, "--", path.name],
            cwd=path.parent,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=GIT_S,
            check=False,
        )
    except FileNotFoundError as error:
        raise _GitError("there is no git program here") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _GitError(f"git did not answer: {type(error).__name__}") from error
    if done.returncode not in (_YES, _NO):
        raise _GitError(
            done.stderr.decode("utf-8", "replace").strip().partition("\n")[0] or f"status {done.returncode}"
        )
    return done.returncode
