"""Four real workers of one server are seen as one, whichever of them answers, and however one of them fares."""

import contextlib
import http.client
import json
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from plimsoll.snapshot import HolderView, Snapshot
from plimsoll.snapshot.codec import from_json
from plimsoll.snapshot.shared import PATIENCE_S
from tests.servers import REPOSITORY, RunningCommand, TestDatabase

TOKEN = "for-operators-only-0123"
WORKERS = 4
SIZE = 10
"""Of a pool: the server may give all requests that hold a connection to one worker."""

SOON_S = 60.0
"""Four workers begin one after the other, on a busy machine slowly."""

BUSY_S = 5.0
"""What a busy machine may take beyond the patience that we have with a worker."""


NOTHING_DONE = "nothing was done, and nothing will be"


@dataclass(frozen=True)
class Service:
    """The service; each request is a connection of its own, so any worker may answer."""

    command: RunningCommand

    def ask(self, path: str, method: str = "GET", timeout_s: float = 30.0, form: bytes | None = None) -> Any:
        """The answer's JSON, of whatever status."""
        request = urllib.request.Request(
            self.command.url + path, data=form, headers={"Authorization": f"Bearer {TOKEN}"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return json.load(error)

    def snapshot(self, worker: str = "") -> Snapshot:
        """Of all, or of the one that is named."""
        return from_json(self.ask(f"/ops/snapshot{f'?worker={worker}' if worker else ''}"))

    def until(self, true: Callable[[Snapshot], bool]) -> Snapshot:
        """All of them, once it is so."""
        deadline_s = time.monotonic() + SOON_S
        while not true(found := self.snapshot()):
            assert time.monotonic() < deadline_s, (found, self.command.output())
            time.sleep(0.1)
        return found

    def until_told(self, path: str, true: Callable[[Any], bool]) -> Any:
        """What is answered at a path, once it is so: a busy machine may keep workers from answering one another."""
        deadline_s = time.monotonic() + SOON_S
        while not true(found := self.ask(path)):
            assert time.monotonic() < deadline_s, (found, self.command.output())
            time.sleep(0.1)
        return found

    def act(self, path: str) -> Any:
        """What comes of an operator's action; asked again where its worker has not taken it on, and never will."""
        deadline_s = time.monotonic() + SOON_S
        while NOTHING_DONE in (found := self.ask(path, "POST")).get("detail", ""):
            assert time.monotonic() < deadline_s, (found, self.command.output())
        return found

    def hold(self, count: int) -> None:
        """So many requests that hold a connection each, until the service ends."""

        def ask() -> None:
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                self.ask("/do/hold?seconds=120", "POST", 150)

        for _ in range(count):
            threading.Thread(target=ask, daemon=True).start()


@pytest.fixture
def service(start_command: Callable[..., RunningCommand], postgres_database: TestDatabase) -> Service:
    """Four workers that see one another."""
    environ = postgres_database.environ(
        OPS_TOKEN=TOKEN, DB_POOL_SIZE=str(SIZE), DB_MAX_OVERFLOW="0", DB_CLEANUP_TIMEOUT="1"
    )
    environ["PYTHONPATH"] = f"{environ['PYTHONPATH']}:{REPOSITORY}"
    words = [sys.executable, "-m", "uvicorn", "tests.visit.application:app", "--port", "{port}"]
    # uvicorn kills a worker that does not answer it for 5 s, as one that is stopped.
    words += ["--workers", str(WORKERS), "--timeout-worker-healthcheck", "120"]
    started = Service(start_command(words, env=environ, cwd=REPOSITORY).wait_ready("/health/ready", timeout_s=SOON_S))
    started.until(lambda one: [row.ready and not row.silent for row in one.workers] == [True] * WORKERS)
    return started


def test_four_workers_are_one(service: Service) -> None:
    """Sums, a row for each, every holder; an action reaches the worker that has the holder, through whichever worker
    answers; one that is stopped is marked and delays nobody beyond the patience; one that is killed has gone."""
    names = {row.name for row in service.snapshot().workers}
    _totals_are_those_of_the_rows(service)
    _each_is_seen_by_its_name(service, names)
    _holders_are_ended_through_any_worker(service)
    _a_stopped_worker_is_marked_and_waited_for_by_nobody(service)
    _a_killed_worker_disappears(service, names)


def _totals_are_those_of_the_rows(service: Service) -> None:
    for _ in range(3):
        service.ask("/notes")
    one = service.until(lambda one: sum(route.requests for route in one.routes if route.name == "GET /notes") == 3)
    assert one.pool.limit == sum(row.limit for row in one.workers) == SIZE * WORKERS
    assert one.memory.rss_bytes == sum(row.rss_bytes for row in one.workers)
    # A worker that has just begun has no history yet.
    service.until_told("/ops/history", lambda found: found["values"]["pool_limit"][-1:] == [SIZE * WORKERS])
    service.until_told("/ops/workers", lambda found: (len(found["workers"]), found["silent"]) == (WORKERS, 0))


def _each_is_seen_by_its_name(service: Service, names: set[str]) -> None:
    for name in names:
        alone = from_json(service.until_told(f"/ops/snapshot?worker={name}", lambda found: "worker" in found))
        assert f"{alone.worker.host}:{alone.worker.pid}" == name
        assert (alone.workers, alone.pool.limit) == ((), SIZE)
        history = service.until_told(f"/ops/history?worker={name}", lambda found: "values" in found)
        assert history["values"]["pool_limit"][-1] == SIZE
    assert f"{(own := service.snapshot('self').worker).host}:{own.pid}" in names
    unknown = service.ask("/ops/snapshot?worker=nobody:1")
    assert (unknown["status"], unknown["code"]) == (404, "unknown-worker")
    assert all(name in unknown["detail"] for name in names)
    assert "\ndata: {" in _first_lines(service, f"/ops/live?worker={next(iter(names))}")


def _first_lines(service: Service, path: str) -> str:
    request = urllib.request.Request(service.command.url + path, headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=30) as stream:
        return "".join(stream.readline().decode() for _ in range(4))


def _holders_are_ended_through_any_worker(service: Service) -> None:
    service.hold(10)
    held = service.until(lambda one: len(_sent(one)) == 10)
    assert held.pool.checked_out == 10
    assert {holder.worker for holder in held.holders} <= {row.name for row in held.workers}
    assert held.server is not None
    for holder in held.holders[:8]:
        # Eight connections to four workers: some of them ask one that has another's holder.
        said = service.act(f"/ops/holders/{holder.id}/return")
        assert said.get("result", "").startswith("The connection of POST /do/hold was closed"), said
        again = service.act(f"/ops/holders/{holder.id}/return")
        assert (again["status"], again["code"]) == (409, "not-done"), again
    left = service.until(lambda one: one.pool.checked_out == 2)
    assert {holder.id for holder in left.holders} == {holder.id for holder in held.holders[8:]}
    acts = [event for event in left.events if event.kind == "operator"]
    assert sum(event.count for event in acts) == 8
    ended = {holder.id.partition(":")[2]: holder.worker for holder in held.holders[:8]}
    assert all(ended[event.text.rpartition("checkout ")[2].rstrip(").")] == event.worker for event in acts)
    assert all(event.text.startswith("operator at 127.0.0.1") for event in acts)
    all_of_it = urlencode({"route": "POST /do/hold", "held_s": 0}).encode()
    deadline_s = time.monotonic() + SOON_S
    while (said := service.ask("/ops/holders/return", "POST", form=all_of_it)).get("found"):
        assert time.monotonic() < deadline_s, (said, service.command.output())
        assert said["refused"] == 0 or NOTHING_DONE in said["result"], said
    left = service.until(lambda one: one.pool.checked_out == 0)
    assert sum(event.count for event in left.events if event.kind == "operator") == 10


def _sent(one: Snapshot) -> list[HolderView]:
    return [holder for holder in one.holders if holder.statements]


def _a_stopped_worker_is_marked_and_waited_for_by_nobody(service: Service) -> None:
    others = service.snapshot()
    stopped = next(row for row in others.workers if row.name != _who_answers(service))
    pid = int(stopped.name.rpartition(":")[2])
    os.kill(pid, signal.SIGSTOP)
    try:
        # The kernel gives a stopped process connections too: those are given up, and another worker asked.
        seen: list[Snapshot] = []
        waits_s: list[float] = []
        deadline_s = time.monotonic() + SOON_S
        while len(seen) < 3:
            assert time.monotonic() < deadline_s, service.command.output()
            began_s = time.monotonic()
            with contextlib.suppress(OSError):
                seen.append(from_json(service.ask("/ops/snapshot", timeout_s=PATIENCE_S + BUSY_S)))
                waits_s.append(time.monotonic() - began_s)
        assert max(waits_s) < PATIENCE_S + BUSY_S
        for one in seen:
            # A busy machine may keep another one from answering in time.
            assert stopped.name in [row.name for row in one.workers if row.silent]
            assert len(one.workers) == WORKERS
            assert "silent-worker" in [problem.key for problem in one.problems]
            assert one.pool.limit == SIZE * WORKERS
    finally:
        os.kill(pid, signal.SIGCONT)
    service.until(lambda one: not any(row.silent for row in one.workers))


def _who_answers(service: Service) -> str:
    own = service.snapshot("self").worker
    return f"{own.host}:{own.pid}"


def _a_killed_worker_disappears(service: Service, names: set[str]) -> None:
    killed = next(iter(names))
    os.kill(int(killed.rpartition(":")[2]), signal.SIGKILL)
    # uvicorn starts another one in its place.
    after = service.until(lambda one: killed not in {row.name for row in one.workers} and len(one.workers) == WORKERS)
    assert after.pool.limit == SIZE * WORKERS
