"""Workers that are called as no host is: what goes to a terminal, a script and Prometheus is whole."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.cli.conftest import Ended, plimsoll
from tests.console.neighbours import ANSWERING, MARKUP, STEERING, beside
from tests.console.trouble import BEARER, TOKEN
from tests.servers import TestDatabase

__all__ = ["plimsoll"]

pytestmark = pytest.mark.postgres


def test_names_of_workers_steer_no_terminal_and_break_no_metrics(
    postgres_database: TestDatabase, tmp_path: Path, plimsoll: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor do they make lines of their own."""
    monkeypatch.setenv("OPS_TOKEN", TOKEN)
    with beside(postgres_database, tmp_path / "shared") as (service, names):
        for words in (("who",), ("watch", "--once")):
            told = plimsoll(*words, "--url", service.command.url)
            assert (told.err, told.status) == ("", int(words[0] == "watch"))
            assert MARKUP in told.out
            assert not STEERING & set(told.out)
            assert not [line for line in told.out.splitlines() if line.startswith("web-1:1: 0 of 9")]
            assert max(map(len, told.out.splitlines())) < 1_000
        found = json.loads(plimsoll("who", "--format", "json", "--url", service.command.url).out)
        assert {f"{each['host']}:{each['pid']}" for each in found["workers"]} >= set(names)
        json.loads(plimsoll("watch", "--once", "--format", "json", "--url", service.command.url).out)
        status, body = service.get("/metrics", **BEARER)
    assert status == 200
    samples = [sample for family in text_string_to_metric_families(body.decode()) for sample in family.samples]
    assert {"1000", "1002", "1004", "1006"} <= {sample.labels.get("worker") for sample in samples}
    assert set(ANSWERING[:6]) <= {sample.labels.get("route") for sample in samples}
