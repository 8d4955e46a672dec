"""Two hosts on one database are seen as one from either; each has a name of its own, where this machine allows that."""

import json
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from plimsoll.web import PEER_HEADER
from tests.servers import REPOSITORY, RunningCommand, TestDatabase
from tests.servers.places import free_port

TOKEN = "for-operators-only-0123"
READ_TOKEN = "for-those-who-look-0123"
UNTIL_S = 60.0
"""A busy machine starts workers slowly."""

Start = Callable[..., RunningCommand]


def named(name: str) -> list[str]:
    """What stands before a command that runs on a host of this name; nothing where that cannot be had."""
    words = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', name]
    try:
        told = subprocess.run([*words, "uname", "-n"], capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        return []
    return words if told.strip() == name else []


@dataclass
class Host:
    """A running one."""

    service: RunningCommand

    def get(self, path: str, **headers: str) -> Any:
        """What it answers."""
        return self._ask(path, READ_TOKEN, headers=headers)

    def post(self, path: str, token: str = TOKEN) -> Any:
        """What comes of it."""
        return self._ask(path, token, "POST")

    def _ask(self, path: str, token: str, method: str = "GET", headers: dict[str, str] | None = None) -> Any:
        given = {"Authorization": f"Bearer {token}", **(headers or {})}
        request = urllib.request.Request(self.service.url + path, headers=given, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return json.load(error)

    def until(self, path: str, found: Callable[[Any], Any]) -> Any:
        """What `found` finds in the answer, once it finds something."""
        until_s = time.monotonic() + UNTIL_S
        while not (result := found(answer := self.get(path))):
            assert time.monotonic() < until_s, f"{json.dumps(answer)[:5000]}\n{self.service.output()}"
            time.sleep(0.2)
        return result


@pytest.fixture
def start_host(start_command: Start, tmp_path: Path) -> Callable[..., Host]:
    """Start a host: `start_host(database, "web2", port, workers=2, OPS_PEERS=...)`."""

    def start(database: TestDatabase, name: str, port: int, workers: int = 1, **settings: str) -> Host:
        given = {
            "OPS_TOKEN": TOKEN,
            "OPS_READ_TOKEN": READ_TOKEN,
            "OPS_SHARED_DIR": str(tmp_path / name),
            "ENVIRONMENT": "production",
            "DB_CLEANUP_TIMEOUT": "1",
        }
        environ = database.environ(**{**given, **settings})
        environ["PYTHONPATH"] = f"{environ['PYTHONPATH']}:{REPOSITORY}"
        words = [*named(name), sys.executable, "-m", "uvicorn", "tests.visit.application:app", "--port", "{port}"]
        if workers > 1:
            words += ["--workers", str(workers), "--timeout-worker-healthcheck", "60"]
        return Host(start_command(words, env=environ, cwd=REPOSITORY, port=port).wait_ready("/health/ready", UNTIL_S))

    return start


def names(snapshot: Any) -> set[str]:
    """The workers in it, but those that are not seen any more."""
    return {row["name"] for row in snapshot["workers"] if not row["stale"]}


def problem(snapshot: Any, key: str) -> str:
    """Its sentence, or nothing."""
    return next((each["sentence"] for each in snapshot["problems"] if each["key"] == key), "")


def test_two_hosts_are_seen_as_one(postgres_database: TestDatabase, start_host: Callable[..., Host]) -> None:
    """From either: their workers and holders, what was before, and an operator's action on any of them; a host that is
    gone is said to be. All have the same list."""
    ports = free_port(), free_port()
    peers = ",".join(f"http://127.0.0.1:{port}" for port in ports)
    two = start_host(postgres_database, "web2", ports[1], workers=2, OPS_PEERS=peers)
    one = start_host(postgres_database, "web1", ports[0], OPS_PEERS=peers)

    seen = one.until("/ops/snapshot", lambda snapshot: snapshot if len(names(snapshot)) == 3 else None)
    assert problem(seen, "host-silent") == problem(seen, "hosts-unseen") == ""
    assert names(two.until("/ops/snapshot", lambda snapshot: names(snapshot) == names(seen) and snapshot)) == names(
        seen
    )
    assert seen["pool"]["size"] == 3 * one.get("/ops/snapshot?worker=self")["pool"]["size"]
    here = one.get("/ops/workers")
    assert len(here["workers"]) == 1
    assert here["silent_workers"] == []

    def hold() -> None:
        with suppress(OSError):  # its host is killed meanwhile
            two.post("/do/hold?seconds=60")

    holding = threading.Thread(target=hold)
    holding.start()
    holder = one.until("/ops/snapshot", lambda snapshot: next(iter(snapshot["holders"]), None))
    assert holder["route"] == "POST /do/hold"
    worker = holder["worker"]
    assert worker in names(seen)
    assert one.get(f"/ops/snapshot?worker={worker}")["worker"]["pid"] == int(worker.rpartition(":")[2])
    assert one.until(f"/ops/history?worker={worker}", lambda series: series.get("times_s"))
    assert one.get("/ops/history")["values"]["pool_limit"]
    for path in (f"/ops/history?worker={worker}", f"/ops/snapshot?worker={worker}"):
        assert one.get(path, **{PEER_HEADER: "web3:1"})["status"] == 404  # another host asks of this one alone
    refused = one.post(f"/ops/holders/{holder['id']}/return", READ_TOKEN)
    assert refused["status"] == 403
    done = one.post(f"/ops/holders/{holder['id']}/return")
    assert "was closed" in done["result"], done
    one.until("/ops/snapshot", lambda snapshot: not snapshot["holders"])

    def told(found: Any) -> bool:
        return any("operator at 127.0.0.1, through " in event["text"] for event in found.get("events", ()))

    assert two.until(f"/ops/snapshot?worker={worker}", told)
    again = one.post(f"/ops/holders/{holder['id']}/return")
    assert again["status"] == 409
    assert "There is no such checkout" in again["detail"]
    assert one.get("/ops/history?worker=web9:1")["status"] == 404

    two.service.kill()
    holding.join(20)
    silent = one.until("/ops/snapshot", lambda snapshot: problem(snapshot, "host-silent"))
    assert f"at http://127.0.0.1:{ports[1]} did not answer: " in silent
    assert TOKEN not in one.service.output()
    assert READ_TOKEN not in one.service.output()


def test_who_signs_out_of_one_host_is_signed_out_of_all(
    postgres_database: TestDatabase, start_host: Callable[..., Host]
) -> None:
    """A copy of the cookie is worth nothing on another host either; a host that cannot be told is named in the answer
    and in the events."""
    ports = free_port(), free_port()
    peers = ",".join(f"http://127.0.0.1:{port}" for port in ports)
    one, two = (start_host(postgres_database, f"web{n + 1}", ports[n], OPS_PEERS=peers) for n in (0, 1))

    def signed_in() -> tuple[httpx.Client, str]:
        browser = httpx.Client(base_url=one.service.url, timeout=20)
        browser.post("/ops/login", data={"token": TOKEN})
        (csrf,) = re.findall('name="csrf" content="([^"]+)"', browser.get("/ops/").text)
        return browser, csrf

    browser, csrf = signed_in()
    with closing(browser), httpx.Client(base_url=two.service.url, timeout=20) as thief:
        thief.headers["Cookie"] = f"plimsoll_ops={browser.cookies['plimsoll_ops']}"
        assert thief.get("/ops/snapshot").status_code == 200
        assert browser.post("/ops/logout", headers={"X-Plimsoll-CSRF": csrf}).json() == {
            "result": "Signed out.",
            "elsewhere": "",
        }
        assert thief.get("/ops/snapshot").status_code == 401
    browser, csrf = signed_in()
    two.service.kill()
    with closing(browser):
        words = browser.post("/ops/logout", headers={"X-Plimsoll-CSRF": csrf}).json()["elsewhere"]
        assert words.startswith(f"Not signed out of http://127.0.0.1:{ports[1]} (")
        assert words.endswith("the session goes on there for what is left of its 12 h.")
        assert words in [event["text"] for event in one.get("/ops/snapshot?worker=self")["events"]]
    assert csrf not in one.service.output()


def test_hosts_that_nobody_looks_at_are_told(postgres_database: TestDatabase, start_host: Callable[..., Host]) -> None:
    """By the names of connections on the server; with another token a host lets nobody see it, and that is said."""
    if not named("web2"):
        pytest.skip("no host of another name can be had here (unshare --uts)")
    ports = free_port(), free_port()
    others = {
        "OPS_READ_TOKEN": "another-token-01234",
        "OPS_TOKEN": "yet-another-token-0",
        "OPS_PEERS": "http://8.8.8.8",
    }
    two = start_host(postgres_database, "web2", ports[1], **others)
    assert "OPS_PEERS has http://8.8.8.8, a public address without TLS" in two.service.output()
    two.service.wait_ready("/notes")
    one = start_host(postgres_database, "web1", ports[0])
    told = one.until("/ops/snapshot", lambda snapshot: problem(snapshot, "hosts-unseen"))
    assert told.startswith("Workers of host web2 use this database too (")
    one.service.terminate()
    one = start_host(postgres_database, "web1", ports[0], OPS_PEERS=two.service.url)
    told = one.until("/ops/snapshot", lambda snapshot: problem(snapshot, "host-silent"))
    assert "it does not accept the token" in told
