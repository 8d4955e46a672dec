"""SQLAlchemy's source distribution: fetched when a test needs it, by pip and its configuration on this machine, checked
by the hashes of the project's lock, and kept in pytest's cache."""

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy

LOCK = Path(__file__).parents[3] / "requirements" / "dev.lock"
FETCH_LIMIT_S = 240.0

PARTS = ("test", "lib/sqlalchemy/testing/plugin", "setup.cfg", "pyproject.toml")
"""What is unpacked: the tests and what loads them. Everything else is the SQLAlchemy that is installed."""

BACKEND = """
import pathlib

def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    info = pathlib.Path(metadata_directory, "sqlalchemy-{version}.dist-info")
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: sqlalchemy\\nVersion: {version}\\n")
    return info.name
"""
"""pip asks a source distribution for its metadata before it saves it, which would need a compiler's tools. This answers
in place of the build system that SQLAlchemy names."""


class FetchError(Exception):
    """The source distribution cannot be had; the words say why."""


def unpacked(cache: Path) -> Path:
    """The folder of the source distribution of the installed SQLAlchemy.

    Raises:
        FetchError: there is no pip, no network, or another version in the lock.
    """
    folder = cache / f"sqlalchemy-{sqlalchemy.__version__}"
    if not folder.exists():
        archive = _fetched(cache)
        unfinished = cache / f"{folder.name}.{os.getpid()}"
        _unpack(archive, unfinished)
        (unfinished / folder.name).rename(folder)
        shutil.rmtree(unfinished)
        archive.unlink()
    return folder


def _unpack(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as source:
        top = archive.name.removesuffix(".tar.gz")
        wanted = [member for member in source if member.name.startswith(tuple(f"{top}/{part}" for part in PARTS))]
        source.extractall(folder, wanted)  # its hash was checked


def _fetched(cache: Path) -> Path:
    version = sqlalchemy.__version__
    backend = cache / "backend" / "setuptools"
    backend.mkdir(parents=True, exist_ok=True)
    (backend / "__init__.py").touch()
    (backend / "build_meta.py").write_text(BACKEND.format(version=version))
    requirement = cache / "requirement.txt"
    requirement.write_text(_locked(version))
    options = ["--no-deps", "--no-binary", "sqlalchemy", "--no-build-isolation", "--require-hashes"]
    patience = ["--timeout", "30", "--retries", "1", "--disable-pip-version-check"]
    for path, command in _pips(cache):
        env = os.environ | {"PYTHONPATH": os.pathsep.join([str(backend.parent), *path])}
        done = _run([*command, "download", *options, *patience, "-d", str(cache), "-r", str(requirement)], env)
        if done.returncode:
            raise FetchError(
                f"pip could not fetch the source distribution of SQLAlchemy {version}, whose own pool tests are to be "
                f"run. It needs the package registry that this machine's pip is configured for.\n{done.stdout}"
            )
        return cache / f"sqlalchemy-{version}.tar.gz"
    raise FetchError(
        f"no pip to fetch SQLAlchemy's source distribution with: {sys.executable} has none, nor has python3"
    )


def _locked(version: str) -> str:
    """The line of the lock, with its hashes."""
    lines = iter(LOCK.read_text().splitlines())
    for line in lines:
        if line.split(" ")[0] == f"sqlalchemy=={version}":
            found = [line]
            while found[-1].endswith("\\"):
                found.append(next(lines))
            return "\n".join(found).split(" # ")[0] + "\n"
    raise FetchError(f"SQLAlchemy {version} is installed, and the lock has no hashes for it")


def _pips(cache: Path) -> Iterator[tuple[list[str], list[str]]]:
    """Ways to call a pip, as what is to be found by import and a command: this environment's, that of the Python below
    it, the system's, and one made for this."""
    base = getattr(sys, "_base_executable", sys.executable)
    pythons = [python for python in (sys.executable, base, shutil.which("python3")) if python]
    for python in pythons:
        if _run([python, "-m", "pip", "--version"]).returncode == 0:
            yield [], [python, "-m", "pip"]
    own = cache / "pip"
    if _run([base, "-m", "venv", str(own)]).returncode == 0:
        yield [], [str(own / "bin" / "python"), "-m", "pip"]
    uv = shutil.which("uv")
    if (
        uv is not None
        and _run([uv, "pip", "install", "--python", sys.executable, "--target", str(own), "pip"]).returncode == 0
    ):
        yield [str(own)], [sys.executable, "-m", "pip"]


def _run(command: list[str], env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=FETCH_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, f"no end after {FETCH_LIMIT_S:g} s")
