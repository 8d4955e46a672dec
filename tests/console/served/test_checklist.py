"""The checklist of a real service, asked for where it is needed: with the pool exhausted and the database silent."""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from plimsoll.console.sessions import Role
from tests.console.served.service import CSRF, OWN, READ_TOKEN, TOKEN, Console
from tests.servers import MariaDbServer, RunningCommand, SqliteDatabase, TestDatabase
from tests.serving.stopping import UVICORN, Start, serving

BEARER = {"Authorization": f"Bearer {TOKEN}"}
ENDS_S = 60.0
SECRET = "what-nobody-may-see-0123456789"

SHOP = """
import os, sys, time
from pathlib import Path
from fastapi import FastAPI
from plimsoll import Database
from plimsoll.fastapi import install

in_child = sys.argv[0] == "-c"
if in_child:
    Path("child").write_text(str(os.getpid()))
    print("noise that is no JSON")
    if Path("broken").exists():
        raise ValueError("a key: " + os.environ["API_KEY"])
    if Path("slow").exists():
        time.sleep(60)
database = Database.from_env()
app = FastAPI()
install(app, database)
"""


def made(path: Path) -> list[str]:
    """The command that serves an application in `path`."""
    (path / "shop.py").write_text(SHOP)
    return [sys.executable, "-m", "uvicorn", "shop:app", "--port", "{port}"]


def run(url: str) -> dict[str, Any]:
    """Run it as a script does; what it came to."""
    began = httpx.post(f"{url}/ops/checks/run", headers=BEARER, timeout=30)
    assert (began.status_code, began.json()) == (202, {"result": "The checklist runs."}), began.text
    until_s = time.monotonic() + ENDS_S
    while True:
        answer = httpx.get(f"{url}/ops/checks.json", headers=BEARER, timeout=30)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        state: dict[str, Any] = answer.json()
        if state["running"] is None:
            assert TOKEN not in answer.text
            return state
        assert time.monotonic() < until_s, state
        time.sleep(0.1)


def gone(pid: int) -> bool:
    """Whether the process ends within some seconds."""
    until_s = time.monotonic() + 30.0
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > until_s:
            return False
        time.sleep(0.05)
    return True


def test_it_runs_while_the_pool_is_exhausted_and_the_database_silent(
    mariadb_database: TestDatabase, start_command: Start
) -> None:
    """It says that of the database; the service goes on, and notes who has run it."""
    server = mariadb_database.server
    assert isinstance(server, MariaDbServer)
    sizes = {"DB_POOL_SIZE": "1", "DB_MAX_OVERFLOW": "0", "ADMISSION": "false", "RELEASE": "of-june"}
    with serving(start_command, UVICORN, mariadb_database, OPS_TOKEN=TOKEN, **sizes) as service:
        for number in range(3):
            service.ask(f"/work?name=n{number}&seconds=60")
        service.command.wait_output("in transaction: n0")
        server.freeze()
        try:
            state = run(service.command.url)
            assert httpx.get(f"{service.command.url}/quick", timeout=30).status_code == 200
            events = httpx.get(f"{service.command.url}/ops/snapshot", headers=BEARER, timeout=30).json()["events"]
        finally:
            server.heal()
    results = state["results"]
    report = results["report"]
    found = {result["id"]: result for result in report["results"] if result["verdict"] == "found"}
    assert (report["stage"], report["safe"], results["release"]) == ("before", False, "of-june")
    assert results["application"] == "tests.serving.application:app"
    assert found["PL010"]["level"] in ("critical", "error")
    assert found["PL010"]["fix"]
    assert str(mariadb_database.password) not in json.dumps(state)
    assert [event["kind"] for event in events if "checklist" in event["text"]] == ["operator", "operator"]


def test_what_the_application_says_is_neither_result_nor_shown(
    sqlite_database: SqliteDatabase, start_command: Start, tmp_path: Path
) -> None:
    """What it prints; and where it cannot be imported, the secrets in its words are hidden."""
    environ = sqlite_database.environ(OPS_TOKEN=TOKEN, API_KEY=SECRET)
    service: RunningCommand = start_command(made(tmp_path), env=environ, cwd=tmp_path).wait_ready("/health/ready")
    assert run(service.url)["results"]["application"] == "shop:app"
    (tmp_path / "broken").touch()
    state = run(service.url)
    found = [result for result in state["results"]["report"]["results"] if result["id"] == "PL100"]
    assert "a key: ***" in found[0]["evidence"]
    assert SECRET not in json.dumps(state)
    (tmp_path / "pyproject.toml").write_text(f"[tool.plimsoll.checks.{SECRET}]\n")
    assert "The suppression of '***' in pyproject.toml names no check" in run(service.url)["failed"]["error"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_it_ends_with_the_worker(
    sqlite_database: SqliteDatabase, start_command: Start, tmp_path: Path, number: signal.Signals
) -> None:
    """However that ends, and without keeping it; a second one is not begun beside it."""
    (tmp_path / "slow").touch()
    environ = sqlite_database.environ(OPS_TOKEN=TOKEN)
    service: RunningCommand = start_command(made(tmp_path), env=environ, cwd=tmp_path).wait_ready("/health/ready")
    assert httpx.post(f"{service.url}/ops/checks/run", headers=BEARER, timeout=30).status_code == 202
    again = httpx.post(f"{service.url}/ops/checks/run", headers=BEARER, timeout=30)
    assert (again.status_code, again.json()["code"]) == (409, "not-done")
    until_s = time.monotonic() + ENDS_S
    while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text():
        assert time.monotonic() < until_s
        time.sleep(0.05)
    child = int((tmp_path / "child").read_text())
    assert psutil.Process(child).nice() > psutil.Process(service.pid).nice()
    assert Path(f"/proc/{child}/oom_score_adj").read_text() == "1000\n"
    os.kill(service.pid, number)
    service.wait(20)
    assert gone(child)


@pytest.mark.usefixtures("static")
async def test_only_an_operator_runs_it_from_a_page_of_ours() -> None:
    """Readers see it; who is nobody neither; and what is refused is told."""
    console = Console()
    operator, csrf = await console.signed_in()
    reader, readers_csrf = await console.signed_in(Role.READER)
    async with operator, reader, console.browser() as nobody:
        assert (await operator.post("/ops/checks/run", headers=OWN)).status_code == 403
        assert (await operator.get("/ops/checks/run", headers={**OWN, CSRF: csrf})).status_code == 405
        assert (await reader.post("/ops/checks/run", headers={**OWN, CSRF: readers_csrf})).status_code == 403
        assert (await nobody.post("/ops/checks/run", headers=OWN)).status_code == 401
        assert (await nobody.get("/ops/checks.json")).status_code == 401
        assert (await nobody.get("/ops/checks.json", headers={"Authorization": f"Bearer {READ_TOKEN}"})).json() == {
            "runs": 0
        }
        assert (await operator.post("/ops/checks/run", headers={**OWN, CSRF: csrf})).status_code == 202
        console.checklist.refused = "Memory is too short for it."
        answer = await operator.post("/ops/checks/run", headers={**OWN, CSRF: csrf})
        assert (answer.status_code, answer.json()["detail"]) == (409, "Memory is too short for it.")
    assert console.checklist.runs == ["operator at 10.1.2.3"]
    async with Console(token=None, read_token=None).browser() as anybody:
        assert (await anybody.get("/ops/checks.json")).status_code == 404
