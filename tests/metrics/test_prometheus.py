"""A real Prometheus, with the configuration and the rules that are shipped, reads a real service of four workers; each
picture of the dashboard has something to show."""

import contextlib
import http.client
import json
import re
import shutil
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SERVERS
from tests.metrics.test_deploy import RULES, promtool, queries
from tests.metrics.test_served import TOKEN, read, serving
from tests.servers import RunningCommand, TestDatabase
from tests.serving.stopping import UVICORN_2, Server

Start = Callable[..., RunningCommand]
Reads = Callable[[str], Callable[..., Any]]
UVICORN_4 = Server("uvicorn --workers 4", (*UVICORN_2.command[:-1], "4"), workers=4, parent=True)
LIMIT_S = 90.0
EVERY = "1s"
"""A reading, and an evaluation of the rules; 15 s as shipped."""

NOTHING_WHILE_ALL_IS_WELL = re.compile(
    r"plimsoll_(problem|server_marked_connections|request_errors|pool_closed_total)\b"
)
"""What has no sample before anything has happened."""


@pytest.fixture
def prometheus(start_command: Start, tmp_path: Path) -> Reads:
    """Starts one that reads a service, and gives how it is asked."""
    program = shutil.which("prometheus")
    if program is None and not SERVERS:
        pytest.skip("SERVERS=0: no prometheus")
    if program is None:
        pytest.fail("prometheus is missing: apt-get install --no-install-recommends prometheus", pytrace=False)

    def start(url: str) -> Callable[..., Any]:
        shutil.copy(RULES, tmp_path)
        (tmp_path / "token").write_text(TOKEN)
        text = (RULES.parent / "prometheus.yml").read_text()
        for shipped, here in (
            ("/etc/prometheus/plimsoll.token", str(tmp_path / "token")),
            ("127.0.0.1:8000", url.removeprefix("http://")),
            ("15s", EVERY),
        ):
            assert shipped in text
            text = text.replace(shipped, here)
        (tmp_path / "prometheus.yml").write_text(text)
        files = (f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data")
        running = start_command([program, *files, "--web.listen-address=127.0.0.1:{port}"])

        def ask(path: str, **values: str) -> Any:
            query = urllib.parse.urlencode(values)
            with urllib.request.urlopen(f"{running.url}/api/v1/{path}?{query}", timeout=20) as answer:
                return json.loads(answer.read())["data"]

        return ask

    return start


def of(query: str) -> str:
    """A query of the dashboard, with what Grafana puts in."""
    return query.replace("$job", "plimsoll").replace("$instance", ".*").replace("$__rate_interval", "30s")


def hold(url: str) -> None:
    """A connection, until the service ends."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        urllib.request.urlopen(f"{url}/work?name=held&seconds={LIMIT_S}", timeout=LIMIT_S)


def test_it_reads_four_workers_and_each_picture_has_something_to_show(
    start_command: Start,
    prometheus: Callable[[str], Callable[..., Any]],
    mariadb_database: TestDatabase,
    tmp_path: Path,
) -> None:
    """No rule fails, none fires, and no query of the dashboard is empty."""
    records = tmp_path / "records"
    with serving(start_command, UVICORN_4, mariadb_database, REPORTS_DIR=str(records)) as service:
        threading.Thread(target=hold, args=(service.url,), daemon=True).start()
        ask = prometheus(service.url)
        number, empty = 0, ["all"]
        ends_s = time.monotonic() + LIMIT_S
        while empty and time.monotonic() < ends_s:
            number += 1
            with urllib.request.urlopen(f"{service.url}/work?name=n{number}&seconds=0", timeout=20) as answer:
                assert answer.status == 200
            time.sleep(0.3)
            try:
                asked = [query for query in queries() if not NOTHING_WHILE_ALL_IS_WELL.search(query)]
                empty = [query for query in asked if not ask("query", query=of(query))["result"]]
            except (urllib.error.URLError, ConnectionError):
                continue
        assert empty == []
        (target,) = ask("targets")["activeTargets"]
        assert (target["health"], target["lastError"]) == ("up", "")
        assert len(ask("query", query="plimsoll_ready == 1")["result"]) == 4
        promtool("check", "metrics", cwd=tmp_path, given=read(service))
        rules = [rule for group in ask("rules")["groups"] for rule in group["rules"]]
        assert len(rules) > 25
        assert [rule["lastError"] for rule in rules if rule["health"] != "ok" and rule.get("lastError")] == []
        assert [alert["labels"]["alertname"] for alert in ask("alerts")["alerts"] if alert["state"] == "firing"] == []
