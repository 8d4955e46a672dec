"""What is shipped for Prometheus and Grafana asks for names that `/metrics` has, and Prometheus' own tool takes it."""

import json
import re
import runpy
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from plimsoll.metrics.exposition import FAMILIES, SILENT
from tests.conftest import SERVERS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus" / "plimsoll.rules.yml"
DASHBOARD = DEPLOY / "grafana" / "plimsoll.json"
PAGE = ROOT / "docs" / "metrics.md"

_NAME = re.compile(r"(?<![\w:])plimsoll_\w+")
_RECORDED = re.compile(r"(?<!\w)(?:instance|worker|route):plimsoll_\w+:\w+")


def series() -> Iterator[str]:
    """All names of samples."""
    yield SILENT
    for family in FAMILIES:
        yield family.name
        endings = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}.get(family.kind, ())
        yield from (family.name + ending for ending in endings)


def rules() -> list[dict[str, Any]]:
    """Of all groups."""
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def queries() -> list[str]:
    """Of the dashboard."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", ())]


def promtool(*arguments: str, cwd: Path, given: str = "") -> str:
    """What it says; the test fails where it does, and where it is missing, as `make test` installs it."""
    program = shutil.which("promtool")
    if program is None and not SERVERS:
        pytest.skip("SERVERS=0: no promtool")
    if program is None:
        pytest.fail("promtool is missing: apt-get install --no-install-recommends prometheus", pytrace=False)
    done = subprocess.run([program, *arguments], cwd=cwd, input=given, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_rules_and_dashboard_ask_for_what_there_is() -> None:
    """Names of metrics, and of what the rules record."""
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    known = set(series())
    for expression in [*(rule["expr"] for rule in rules()), *queries()]:
        assert set(_NAME.findall(expression)) <= known, expression
        assert set(_RECORDED.findall(expression)) <= recorded, expression
        assert _NAME.search(expression) or _RECORDED.search(expression) or expression.startswith("up{")


def test_labels_in_expressions_are_labels_of_the_metric() -> None:
    """A misspelt one would match nothing, and say nothing."""
    labels = {family.name: {*family.labels, "worker", "job", "instance", "le"} for family in FAMILIES}
    for expression in [*(rule["expr"] for rule in rules()), *queries()]:
        for name, inside in re.findall(r"(plimsoll_\w+)\{([^}]*)\}", expression):
            plain = re.sub(r"_(bucket|sum|count)$", "", name)
            asked = set(re.findall(r'(\w+)(?:=~|!~|!=|=)"', inside))
            assert asked <= labels.get(name, labels.get(plain, {"job", "instance"})), expression


def test_each_alert_says_what_is_wrong_and_what_to_do() -> None:
    """With how grave it is; each is on the page, and has a unit test."""
    page, tests = PAGE.read_text(), RULES.with_name("plimsoll.rules.test.yml").read_text()
    alerts = [rule for rule in rules() if "alert" in rule]
    assert len(alerts) > 15
    for rule in alerts:
        assert {"summary", "action"} <= set(rule["annotations"]) <= {"summary", "cause", "action"}
        assert rule["annotations"]["summary"].startswith("{{ $labels.instance }}: ")
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert f"`{rule['alert']}`" in page
        assert f"alertname: {rule['alert']}" in tests


def test_promtool_takes_the_rules_and_their_unit_tests_pass() -> None:
    """Each alert fires on what it is for."""
    promtool("check", "rules", RULES.name, cwd=RULES.parent)
    promtool("test", "rules", "plimsoll.rules.test.yml", cwd=RULES.parent)


def test_promtool_takes_the_scrape_configuration(tmp_path: Path) -> None:
    """With a token where it looks for one."""
    (tmp_path / "plimsoll.token").write_text("token")
    shutil.copy(RULES, tmp_path)
    text = (RULES.parent / "prometheus.yml").read_text()
    (tmp_path / "prometheus.yml").write_text(text.replace("/etc/prometheus/plimsoll.token", "plimsoll.token"))
    promtool("check", "config", "prometheus.yml", cwd=tmp_path)


def test_promtool_takes_the_queries_of_the_dashboard(tmp_path: Path) -> None:
    """As rules, since that is what it parses; Grafana's interval is a time there."""
    made = [
        {"record": f"dashboard:query:{number}", "expr": query.replace("$__rate_interval", "5m")}
        for number, query in enumerate(queries())
    ]
    assert len(made) > 30
    (tmp_path / "queries.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": made}]}))
    promtool("check", "rules", "queries.yml", cwd=tmp_path)


def test_the_dashboard_is_the_one_that_its_program_writes() -> None:
    """Run `python deploy/grafana/dashboard.py` after a change."""
    made = runpy.run_path(str(DASHBOARD.with_name("dashboard.py")))["dashboard"]()
    assert json.loads(DASHBOARD.read_text()) == made
    places = [panel["gridPos"] for panel in made["panels"]]
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))


def test_the_page_has_each_metric_as_it_is() -> None:
    """Name, kind, labels and meaning; none that is not there."""
    rows = re.findall(r"^\| `(plimsoll_\w+)` \| (\w+) \| ([^|]*?) ?\| (.*?) \|$", PAGE.read_text(), re.MULTILINE)
    expected = [
        (family.name, family.kind, ", ".join(f"`{label}`" for label in family.labels), family.help)
        for family in FAMILIES
    ]
    assert [row for row in rows if row[0] != SILENT] == expected
    assert SILENT in {row[0] for row in rows}
