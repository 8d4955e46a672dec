"""`plimsoll limits`: the first limit to strike, for people and for programs, of this process and of another."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from plimsoll.cli import limits
from plimsoll.host import arenas, survey
from tests.cli.conftest import Ended
from tests.host.tree import MIB, V2, Tree

Command = Callable[..., Ended]
PAGE = (Path(__file__).parents[2] / "docs" / "limits.md").read_text()


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """A host that the test makes up, which the command takes for this one."""
    tree = Tree(tmp_path / "host")
    monkeypatch.setattr(limits, "survey", lambda process: survey(tree.root, process))
    monkeypatch.setattr(limits, "arenas", lambda process, environ: arenas(tree.root, process, environ))
    return tree


@pytest.fixture
def sleeping() -> Iterator[subprocess.Popen[bytes]]:
    """A process with an address space of 1 GiB and at most 77 open files."""

    def limit() -> None:
        for kind, value in ((resource.RLIMIT_AS, 1 << 30), (resource.RLIMIT_NOFILE, 77)):
            resource.setrlimit(kind, (value, resource.getrlimit(kind)[1]))

    code = "print(flush=True); import time; time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        preexec_fn=limit,
        env={**os.environ, "MALLOC_ARENA_MAX": "3"},
    ) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process
        finally:
            process.kill()


def test_the_limit_that_strikes_first_comes_first(plimsoll: Command, tree: Tree) -> None:
    """With what is left, where it was read and what happens; then all, the one with the least left first."""
    tree.limits(address_space=128 * MIB, nofile=20)
    tree.in_groups("0::/a")
    tree.group("/a", limit=512 * MIB, used=500 * MIB, memory_events="max 41\noom_kill 2")
    ended = plimsoll("limits")
    assert ended.status == 0, ended.err
    lines = ended.out.splitlines()
    assert lines[0].startswith(f"First: memory of the cgroup /a ({V2}/a/memory.max), 12.0 MiB left. The kernel kills ")
    rows = [line.split("  ")[1] for line in lines if line.startswith("  ") and not line.startswith("   ")]
    assert rows == [
        "memory of the cgroup /a",
        "address space of the process",
        "memory of the machine",
    ]
    (row,) = [line for line in lines if line.startswith("  memory of the cgroup /a ")]
    assert row.split()[-7:] == ["512.0", "MiB", "500.0", "MiB", "12.0", "MiB", f"{V2}/a/memory.max"]
    assert "Times reached: 41. Struck so far: 2." in ended.out
    assert "no limit: RLIMIT_DATA" in ended.out


def test_json_has_the_same_for_programs(plimsoll: Command, tree: Tree) -> None:
    """Bytes and counts as numbers, with what is left."""
    tree.limits(address_space=128 * MIB, nproc=100)
    ended = plimsoll("limits", "--format", "json")
    assert ended.status == 0, ended.err
    found = json.loads(ended.out)
    assert found["first"] == found["memory"][0]
    first = found["first"]
    assert (first["source"], first["left"], first["share"]) == ("RLIMIT_AS", 28 * MIB, 0.7812)
    assert (first["kills"], first["fails"], first["unit"]) == (False, True, "bytes")
    assert [count["source"] for count in found["counts"]] == ["RLIMIT_NPROC"]
    assert (found["rss_bytes"], found["address_space_bytes"]) == (40 * MIB, 100 * MIB)
    assert found["arenas"]["threads"] == 5


def test_swap_is_said_to_be_swap(plimsoll: Command, tree: Tree) -> None:
    """It puts the end off, and is no memory."""
    tree.machine(swap_kib=512 * 1024)
    assert "512.0 MiB of what is left are swap." in plimsoll("limits").out


def test_what_could_not_be_read_is_named(plimsoll: Command, tree: Tree) -> None:
    """A limit that nobody sees would strike all the same."""
    tree.in_groups("0::/a")
    tree.group("/a", limit="many")
    assert f"could not be read: {V2}/a/memory.max" in plimsoll("limits").out


def test_on_another_system_it_says_how_little_it_knows(
    plimsoll: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And that is no error."""
    monkeypatch.setattr(limits, "survey", lambda process: survey(str(tmp_path), process))
    ended = plimsoll("limits")
    assert ended.status == 0
    assert ended.out.startswith("No limit of memory was found.")
    assert "no /proc" in ended.out


def test_a_running_service_is_asked_about_by_its_number(plimsoll: Command, sleeping: subprocess.Popen[bytes]) -> None:
    """Its limits may differ from those of the shell that asks, and its environment too."""
    found = json.loads(plimsoll("limits", "--format", "json", "--pid", str(sleeping.pid)).out)
    by_source = {limit["source"]: limit["limit"] for limit in (*found["memory"], *found["counts"])}
    assert (by_source["RLIMIT_AS"], by_source["RLIMIT_NOFILE"]) == (1 << 30, 77)
    assert (found["arenas"]["most"], found["arenas"]["source"]) == (2, "MALLOC_ARENA_MAX")
    assert "this command" not in " ".join(found["notes"])


def test_a_process_that_is_not_there_ends_with_2(plimsoll: Command) -> None:
    """There is no answer then."""
    ended = plimsoll("limits", "--pid", "99999999")
    assert ended.status == 2
    assert ended.err.startswith("plimsoll: There is no process 99999999 here.")


def test_the_page_shows_what_the_command_prints(plimsoll: Command, tree: Tree) -> None:
    """The example on the page, word for word."""
    tree.limits(address_space=128 * MIB, nofile=1024)
    for number in range(9):
        tree.write(f"/proc/self/fd/{number}", "")
    tree.in_groups("0::/shop")
    tree.group("/shop", limit=512 * MIB, used=300 * MIB, cache=100 * MIB, memory_events="max 3\noom_kill 1")
    printed = plimsoll("limits").out.partition("\nthreads:")[0]
    assert f"```text\n$ plimsoll limits\n{printed}\n" in PAGE, printed
