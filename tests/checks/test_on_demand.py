"""The checklist that an operator runs from a service: bounded, one at a time, seen by all workers, told in words."""

import json
import os
import sys
import threading
import time
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from plimsoll.checks import child, on_demand
from plimsoll.checks.child import Child, ChildError
from plimsoll.checks.on_demand import OnDemand
from plimsoll.checks.own_name import own_name
from plimsoll.errors import ActionError
from plimsoll.host import Limit, survey
from plimsoll.host.machine import MEMINFO
from plimsoll.snapshot.shared import Shared

ENDS_S = 20.0
REPORT = {"stage": "before", "summary": "safe: nothing.", "safe": True, "results": [{"id": "PL001"}]}
GOOD = f"print({json.dumps(json.dumps(REPORT))})"
SLOW = "import time; time.sleep(60)"


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have another program run in place of the checklist."""

    def use(code: str) -> None:
        monkeypatch.setattr(child, "command", lambda _own: [sys.executable, "-c", code])

    return use


def worker(directory: Path | None = None, told: list[tuple[str, str]] | None = None, **more: Any) -> OnDemand:
    """One of a service."""
    told = [] if told is None else told
    found = OnDemand(
        (),
        **{
            "release": "of-june",
            "reserve_bytes": 0,
            "directory": lambda: directory,
            "tell": lambda kind, text: told.append((kind, text)),
            "stopping": lambda: False,
            **more,
        },
    )
    found.begin()
    return found


def ended(one: OnDemand) -> dict[str, Any]:
    """What it came to, once it runs no more."""
    until_s = time.monotonic() + ENDS_S
    while (state := one.state())["running"] is not None:
        assert time.monotonic() < until_s
        time.sleep(0.02)
    return state


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (SLOW, "did not end within 0.5 s, and was ended"),
        ("print('x' * 3_000_000, flush=True); import time; time.sleep(60)", "told more than 2 MiB, and was ended"),
        ("print('no JSON')", "ended with status 0 and told nothing that can be read"),
        ("raise SystemExit(3)", "ended with status 3 and told nothing"),
        ("import os; os.kill(os.getpid(), 9)", "most likely memory ran out"),
        ("import os; os.kill(os.getpid(), 11)", "ended by signal 11"),
        ("print('[]')", "told nothing that can be read"),
        ('print(\'{"results": [1], "safe": true, "stage": "", "summary": ""}\')', "told nothing that can be read"),
        ('print(\'{"error": "pyproject.toml is wrong"}\')', "pyproject.toml is wrong"),
    ],
)
def test_what_comes_to_no_result_says_why(program: Callable[[str], None], code: str, words: str) -> None:
    """Whatever the child does, and soon after its time is over."""
    program(code)
    one = worker(limit_s=0.5 if code == SLOW else ENDS_S)
    one.start("operator")
    state = ended(one)
    assert words in state["failed"]["error"]
    assert state["results"] is None


def test_it_may_be_ended_while_it_runs(program: Callable[[str], None]) -> None:
    """With all that it has started."""
    program("import os, time; os.fork(); print('x', flush=True); time.sleep(60)")
    one = Child(60.0)
    timer = threading.Timer(0.5, one.end)
    timer.start()
    with pytest.raises(ChildError, match="The worker ended before"):
        one.run(None)
    timer.join()


def test_what_runs_ends_with_the_lifespan(program: Callable[[str], None]) -> None:
    """Within a moment, and that is what it came to."""
    program(SLOW)
    one = worker()
    one.start("operator")
    time.sleep(0.3)
    one.end()
    assert "The worker ended before the checklist did" in ended(one)["failed"]["error"]
    one.end()


def test_what_no_browser_could_read_is_told_all_the_same(program: Callable[[str], None]) -> None:
    """Numbers that are none, which JSON does not know."""
    program(GOOD.replace('\\"PL001\\"', '\\"PL001\\", \\"numbers\\": NaN'))
    one = worker()
    one.start("operator")
    assert ended(one)["results"]["report"]["results"] == [{"id": "PL001", "numbers": None}]


def test_a_python_that_is_not_known_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server with Python in it may name itself."""
    monkeypatch.setattr(sys, "executable", "/usr/bin/uwsgi")
    with pytest.raises(ChildError, match=r"which Python it runs \(/usr/bin/uwsgi\)"):
        Child().run(None)


def test_all_workers_see_it_and_one_runs_it(program: Callable[[str], None], tmp_path: Path) -> None:
    """The results are kept for the next process; a later failure does not take them away."""
    told: list[tuple[str, str]] = []
    first, second = worker(tmp_path, told), worker(tmp_path)
    assert second.state() == {
        "now_s": pytest.approx(time.time(), abs=60),
        **dict.fromkeys(["running", "results", "failed"]),
    }
    go = tmp_path / "go"
    program(f"import pathlib, time\nwhile not pathlib.Path({str(go)!r}).exists(): time.sleep(0.02)\n{GOOD}")
    first.start("operator at 10.1.2.3")
    assert second.state()["running"]["worker"].endswith(f":{os.getpid()}")
    for one in (first, second):
        with pytest.raises(ActionError, match=r"runs already, in worker .*:\d+\. Its results"):
            one.start("another")
    go.touch(0o600)
    ended(first)
    results = ended(second)["results"]
    assert (results["report"], results["release"], results["error"]) == (REPORT, "of-june", "")
    assert told == [
        ("operator", "operator at 10.1.2.3 ran the checklist."),
        ("operator", "The checklist of operator at 10.1.2.3 has ended: safe: nothing."),
    ]
    program("raise SystemExit(3)")
    second.start("operator")
    ended(second)
    for one in (first, worker(tmp_path)):
        assert one.state()["results"] == results
        assert "status 3" in one.state()["failed"]["error"]
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}


@pytest.mark.parametrize("content", ["", "[]", "{", '{"results": {"odd": 1}, "failed": null}', '{"results": null}'])
def test_what_another_release_has_left_is_not_known(tmp_path: Path, content: str) -> None:
    """And does no harm."""
    (tmp_path / "checks.json").write_text(content)
    assert worker(tmp_path).state()["results"] is None


def test_what_is_left_goes_with_the_last_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a directory that nobody has named."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    directory = tmp_path / f"plimsoll-{os.geteuid()}" / "1-abc"
    shared = Shared(directory)
    shared.begin()
    for name in ("checks.json", "checks.running", "checks.new"):
        (directory / name).touch()
    shared.end()
    assert not directory.exists()


def test_it_is_not_run_while_memory_is_short(monkeypatch: pytest.MonkeyPatch, program: Callable[[str], None]) -> None:
    """Of what another process takes from too; an own limit of this process is another one's as well."""
    program(GOOD)
    one = worker()
    now = survey()

    def left(mib: int, source: str) -> None:
        size = now.rss_bytes + (mib << 20)
        limit = Limit("memory of the machine", size, 0, "bytes", source, kills=True, note="")
        monkeypatch.setattr(on_demand, "survey", lambda: replace(now, memory=(limit,)))

    left(4, MEMINFO)
    with pytest.raises(ActionError, match=r"\d+ MiB are left of the memory of the machine \(/proc/meminfo\)"):
        one.start("operator")
    assert one.state()["running"] is None
    left(4, "RLIMIT_AS")
    one.start("operator")
    ended(one)
    left(64, MEMINFO)
    one.start("operator")
    assert ended(one)["results"]


def test_it_is_not_run_by_a_worker_that_ends(program: Callable[[str], None]) -> None:
    """Another one may."""
    program(GOOD)
    with pytest.raises(ActionError, match="is being stopped"):
        worker(stopping=lambda: True).start("operator")


def test_the_applications_name_is_found_where_it_can_be_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what is served, in a module or a package; else by its database; not in a program that was started."""

    def module(name: str, file: str, **values: object) -> None:
        made = types.ModuleType(name)
        made.__file__ = str(tmp_path / file)
        vars(made).update(values)
        monkeypatch.setitem(sys.modules, name, made)

    app, database, other = object(), object(), object()
    module("h4_other", "renamed.py", app=app)
    monkeypatch.setattr(sys.modules["__main__"], "app", app, raising=False)
    assert own_name(app, database) is None
    module("h4_db", "h4_db.py", db=database)
    found = own_name(app, database)
    assert found is not None
    assert (found.name, found.directory) == ("h4_db:db", tmp_path)
    module("h4_package", "h4_package/__init__.py", other=other)
    module("h4_package.main", "h4_package/main.py", api=app)
    found = own_name(app, database)
    assert found is not None
    assert (found.name, found.directory) == ("h4_package.main:api", tmp_path)
    found = own_name(other)
    assert found is not None
    assert (found.name, found.directory) == ("h4_package:other", tmp_path)
