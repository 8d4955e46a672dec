"""The report for programs."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from plimsoll.checks.pages import page_path
from plimsoll.checks.runner import Report, Result
from plimsoll.checks.verdict import CouldNot, Found, NotApplicable, Passed

FORMAT = 1
"""Raised when a name of this form goes or changes its meaning; new ones may come at any time."""


def render_json(report: Report, more: Mapping[str, Any] | None = None) -> str:
    """The report as one JSON object, and `more` in it, with a line break at the end."""
    return json.dumps({**as_json(report), **(more or {})}, indent=2) + "\n"


def as_json(report: Report) -> dict[str, Any]:
    """The same as plain values."""
    return {
        "format": FORMAT,
        "stage": report.stage,
        "fail_level": report.fail_level.name.lower(),
        "status": report.status,
        "safe": report.status == 0,
        "summary": report.last_line,
        "counts": {
            "found": len(report.found),
            "passed": len(report.passed),
            "not_applicable": len(report.not_applicable),
            "could_not": len(report.unknown),
            "suppressed": len(report.suppressed),
        },
        "results": [_result(result) for result in report.results],
    }


def _result(result: Result) -> dict[str, Any]:
    check, accepted = result.check, result.suppressed
    return {
        "id": check.id,
        "title": check.title,
        "level": result.level.name.lower(),
        "tags": sorted(check.tags),
        "page": page_path(check),
        "suppressed": {"reason": accepted.reason, "until": accepted.until.isoformat()} if accepted else None,
        **_verdict(result),
    }


def _verdict(result: Result) -> dict[str, Any]:
    match result.verdict:
        case Passed(evidence):
            return {"verdict": "passed", "evidence": evidence}
        case NotApplicable(why):
            return {"verdict": "not applicable", "why": why}
        case CouldNot(why, fix):
            return {"verdict": "could not", "why": why, "fix": fix}
        case Found() as found:
            return {
                "verdict": "found",
                "evidence": found.evidence,
                "meaning": result.check.meaning,
                "fix": found.fix,
                "changes": [asdict(change) for change in found.changes],
                "numbers": found.numbers,
            }
