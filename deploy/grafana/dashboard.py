"""Writes plimsoll.json, the dashboard to import into Grafana, from the panels listed here: python dashboard.py"""

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("plimsoll.json")

WIDTH, HEIGHT = 24, 8
"""Of Grafana's grid, and of a panel."""

SOURCE = {"type": "prometheus", "uid": "${source}"}
OF = 'job="$job", instance=~"$instance"'
"""What each query is narrowed to."""

RATE = "$__rate_interval"

Query = tuple[str, str]
"""Expression and legend."""


def panel(
    title: str, unit: str, *queries: Query, width: int = 8, kind: str = "timeseries", text: str = ""
) -> dict[str, Any]:
    """One picture. `unit` is Grafana's word for it."""
    table = kind == "table"
    targets = [
        {
            "refId": chr(ord("A") + number),
            "datasource": SOURCE,
            "expr": expression,
            "legendFormat": legend,
            "instant": table,
            "format": "table" if table else "time_series",
        }
        for number, (expression, legend) in enumerate(queries)
    ]
    return {
        "type": kind,
        "title": title,
        "description": text,
        "datasource": SOURCE,
        "targets": targets,
        "gridPos": {"w": width, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
    }


ROWS: dict[str, list[dict[str, Any]]] = {
    "What is wrong": [
        panel(
            "Problems now",
            "none",
            (f"sum by (instance, problem, level) (plimsoll_problem{{{OF}}})", ""),
            width=12,
            kind="table",
            text="As the console has them; it says what to do.",
        ),
        panel(
            "Not ready, silent",
            "none",
            (f"sum by (instance) (plimsoll_ready{{{OF}}} == bool 0)", "{{instance}} not ready"),
            (f"plimsoll_silent_workers{{{OF}}}", "{{instance}} silent"),
            width=6,
        ),
        panel(
            "Restarts in 15 minutes", "none", (f"instance:plimsoll_restarts:count15m{{{OF}}}", "{{instance}}"), width=6
        ),
    ],
    "The load line": [
        panel(
            "Connections wanted, allowed, there",
            "none",
            (f"max(plimsoll_load_line_demanded_connections{{{OF}}})", "wanted by all workers"),
            (f"max(plimsoll_load_line_demanded_deploying_connections{{{OF}}})", "wanted while deploying"),
            (f"min(plimsoll_load_line_allowed_connections{{{OF}}})", "allowed"),
            (f"max(plimsoll_server_max_connections{{{OF}}})", "max_connections"),
            (f"max(plimsoll_server_connections{{{OF}}})", "there, of everybody"),
        ),
        panel(
            "Pool",
            "none",
            (f"sum by (state) (plimsoll_pool_connections{{{OF}}})", "{{state}}"),
            (f"sum(plimsoll_pool_limit_connections{{{OF}}})", "limit"),
            (f"sum(plimsoll_pool_waiting{{{OF}}})", "waiting"),
        ),
        panel(
            "Taken, by worker", "percentunit", (f"worker:plimsoll_pool_taken:ratio{{{OF}}}", "{{instance}} {{worker}}")
        ),
    ],
    "Requests": [
        panel(
            "Requests",
            "reqps",
            (f"sum by (route) (route:plimsoll_requests:rate5m{{{OF}}})", "{{route}}"),
        ),
        panel(
            "What went wrong",
            "reqps",
            (f"sum by (kind) (instance:plimsoll_request_errors:rate5m{{{OF}}})", "{{kind}}"),
            (f"sum(instance:plimsoll_refused:rate5m{{{OF}}})", "refused"),
        ),
        panel(
            "99 of 100 are faster",
            "s",
            (
                f"histogram_quantile(0.99, sum by (le, route) (rate(plimsoll_request_seconds_bucket{{{OF}}}[{RATE}])))",
                "{{route}}",
            ),
        ),
        panel(
            "Admission",
            "none",
            (f"sum(plimsoll_admission_limit{{{OF}}})", "limit"),
            (f"sum(plimsoll_admission_inside{{{OF}}})", "inside"),
            (f"sum(plimsoll_admission_waiting{{{OF}}})", "in line"),
            (f"sum(plimsoll_admission_in_flight{{{OF}}})", "in flight"),
        ),
        panel(
            "Clients",
            "none",
            (f"sum by (instance) (plimsoll_client_connections{{{OF}}})", "{{instance}}"),
        ),
        panel(
            "Statements a request",
            "none",
            (
                (
                    f"sum by (route) (rate(plimsoll_request_statements_total{{{OF}}}[{RATE}]))"
                    f" / sum by (route) (rate(plimsoll_requests_total{{{OF}}}[{RATE}]))"
                ),
                "{{route}}",
            ),
        ),
    ],
    "Who waits for connections, and who holds them": [
        panel(
            "Wait for a connection",
            "s",
            (
                f"histogram_quantile(0.99, sum by (le) (rate(plimsoll_pool_acquire_seconds_bucket{{{OF}}}[{RATE}])))",
                "99 of 100",
            ),
            (
                (
                    f"sum(rate(plimsoll_pool_acquire_seconds_sum{{{OF}}}[{RATE}]))"
                    f" / sum(rate(plimsoll_pool_acquire_seconds_count{{{OF}}}[{RATE}]))"
                ),
                "mean",
            ),
        ),
        panel(
            "Connections held, on average",
            "none",
            (f"sum by (route) (rate(plimsoll_request_holding_seconds_sum{{{OF}}}[{RATE}]))", "{{route}}"),
            text="Seconds held in each second: what a route costs the pool.",
        ),
        panel(
            "Held longest now",
            "s",
            (f"max by (route) (plimsoll_pool_held_longest_seconds{{{OF}}})", "{{route}}"),
        ),
        panel(
            "Leaks, losses, waits in vain",
            "none",
            (f"sum(increase(plimsoll_pool_leaks_total{{{OF}}}[{RATE}]))", "held too long"),
            (f"sum(increase(plimsoll_pool_lost_total{{{OF}}}[{RATE}]))", "never given back"),
            (f"sum(increase(plimsoll_pool_idle_transactions_total{{{OF}}}[{RATE}]))", "idle in transaction"),
            (f"sum(increase(plimsoll_pool_timeouts_total{{{OF}}}[{RATE}]))", "waited in vain"),
            (f"sum(increase(plimsoll_records_written_total{{{OF}}}[{RATE}]))", "black-box records kept"),
        ),
        panel(
            "Opened and closed",
            "ops",
            (f"sum(rate(plimsoll_pool_opened_total{{{OF}}}[{RATE}]))", "opened"),
            (f"sum(rate(plimsoll_pool_connect_failures_total{{{OF}}}[{RATE}]))", "failed"),
            (f"sum by (reason) (rate(plimsoll_pool_closed_total{{{OF}}}[{RATE}]))", "closed: {{reason}}"),
        ),
        panel(
            "In the server's process list",
            "none",
            (f"max by (whose) (plimsoll_server_listed_connections{{{OF}}})", "{{whose}}"),
            (f"max by (mark) (plimsoll_server_marked_connections{{{OF}}})", "{{mark}}"),
        ),
    ],
    "Memory": [
        panel(
            "Used of the limit that binds",
            "percentunit",
            (f"worker:plimsoll_memory_used:ratio{{{OF}}}", "{{instance}} {{worker}}"),
        ),
        panel(
            "Resident",
            "bytes",
            (f"plimsoll_memory_rss_bytes{{{OF}}}", "{{instance}} {{worker}}"),
        ),
        panel(
            "MemoryErrors, kills",
            "none",
            (f"sum(increase(plimsoll_memory_errors_total{{{OF}}}[{RATE}]))", "MemoryErrors"),
            (f"max(increase(plimsoll_memory_oom_kills_total{{{OF}}}[{RATE}]))", "killed by the kernel"),
        ),
    ],
}


def variable(name: str, label: str, query: str, *, many: bool = False) -> dict[str, Any]:
    """A list to choose from, above the panels."""
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "multi": many,
        "includeAll": many,
        **({"allValue": ".*", "current": {"text": "All", "value": "$__all"}} if many else {}),
    }


def dashboard() -> dict[str, Any]:
    """All of it, as Grafana imports it."""
    panels: list[dict[str, Any]] = []
    y = 0
    for title, row in ROWS.items():
        panels.append(
            {"type": "row", "title": title, "collapsed": False, "gridPos": {"x": 0, "y": y, "w": WIDTH, "h": 1}}
        )
        y, x = y + 1, 0
        for each in row:
            place = each["gridPos"]
            if x + place["w"] > WIDTH:
                x, y = 0, y + HEIGHT
            panels.append({**each, "gridPos": {**place, "x": x, "y": y}})
            x += place["w"]
        y += HEIGHT
    return {
        "title": "Plimsoll",
        "uid": "plimsoll",
        "tags": ["plimsoll"],
        "schemaVersion": 37,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {
            "list": [
                {"type": "datasource", "name": "source", "label": "Prometheus", "query": "prometheus"},
                variable("job", "Job", "label_values(plimsoll_ready, job)"),
                variable("instance", "Instance", 'label_values(plimsoll_ready{job="$job"}, instance)', many=True),
            ]
        },
        "panels": [{"id": number, **each} for number, each in enumerate(panels, 1)],
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(dashboard(), indent=1) + "\n")
