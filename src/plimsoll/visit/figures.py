"""Reads what a worker tells of itself. It comes over the network, so nothing of it is believed to be as it should."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from plimsoll.checks.running import Worker
from plimsoll.checks.verdict import Known
from plimsoll.web.line import Answer

PATH = "/ops/figures"
FORMAT = 1
MOST_NUMBERS = 500
MOST_CONNECTIONS = 10_000
LONGEST_TEXT = 200
MIB = 1 << 20

TO_BE_LET_IN = "Set OPS_TOKEN, the same for the service and for this command, and start the service anew."
TO_BE_KNOWN = "Give this command the OPS_TOKEN that the service was started with."


def read_figures(answer: Answer, *, with_token: bool) -> Known[Worker]:
    """The worker behind an answer of `PATH`, or why there is none."""
    if answer.error:
        return Known(why=f"{PATH}: {answer.error}")
    if answer.status != 200:
        return refused(answer, PATH, with_token=with_token)
    try:
        document = json.loads(answer.body)
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            return Known(
                why=f"{PATH} answers with something else than figures of format {FORMAT}",
                fix="Use the command of the same version of Plimsoll as the service.",
            )
        return Known(_worker(document))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        return Known(why=f"{PATH} answers with something that is no figures of a worker")


def refused(answer: Answer, path: str, *, with_token: bool) -> Known[Any]:
    """Why an operators' page was not given, and what to do."""
    if answer.status == 404:
        token = "its OPS_TOKEN is not set" if with_token else "OPS_TOKEN is not set"
        return Known(
            why=f"{path} is not there: {token}, or what runs is no service with Plimsoll or an older one",
            fix=TO_BE_LET_IN,
        )
    if answer.status == 401:
        what = "does not accept our OPS_TOKEN" if with_token else "asks for a token, and OPS_TOKEN is not set here"
        return Known(why=f"{path} {what}", fix=TO_BE_KNOWN)
    if answer.status == 429:
        wait = f" for {answer.retry_after} s" if answer.retry_after.isdigit() else ""
        return Known(why=f"{path} lets nobody from here in{wait}: too many wrong tokens came from this address")
    moved = f" and points to {answer.location}" if answer.location else ""
    return Known(why=f"{path} answers {answer.status}{moved}")


def _worker(document: Mapping[str, Any]) -> Worker:
    production = document["production"]
    limit = document["memory"].get("limit")
    return Worker(
        host=_text(document["host"]),
        pid=int(document["pid"]),
        started_s=_finite(document["started"]),
        release=_text(document["release"]),
        production=production["active"] is True,
        production_rule=_text(production["rule"]),
        memory_limit=_limit_words(limit) if isinstance(limit, dict) else "",
        numbers=dict(list(_numbers(document))[:MOST_NUMBERS]),
        connections=frozenset(
            number for number in document["connections"][:MOST_CONNECTIONS] if isinstance(number, int)
        ),
    )


def _numbers(table: Mapping[str, Any], before: str = "", depth: int = 0) -> Iterator[tuple[str, float]]:
    for name, value in table.items():
        if isinstance(value, dict) and depth < 3:
            yield from _numbers(value, f"{before}{name}.", depth + 1)
        elif isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
            yield f"{before}{name}"[:LONGEST_TEXT], float(value)


def _limit_words(limit: Mapping[str, Any]) -> str:
    left, most = _finite(limit["left"]) / MIB, _finite(limit["limit"]) / MIB
    return f"{_text(limit['name'])}, {left:.0f} of {most:.0f} MiB left"


def _text(value: object) -> str:
    text = str(value)
    return (text if text.isprintable() else repr(text))[:LONGEST_TEXT]


def _finite(value: object) -> float:
    number = float(value) if isinstance(value, (int, float)) else math.nan
    if not math.isfinite(number):
        raise ValueError("not a number")
    return number
