"""Asks the pages of a service a few times each, one request at a time, and tells how they answered."""

import asyncio
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from plimsoll.checks.facts import Endpoint
from plimsoll.checks.verdict import Known
from plimsoll.web.line import Answer, Line

REQUESTS_EACH = 8
"""Of each page: enough that one slow answer is seen to be one, few enough that nobody else notices."""

PAUSE_S = 0.01
"""Between two requests, so that there are at most 100 a second, whatever the service can do."""

MOST_PAGES = 40
FAILURES_EACH = 2
"""A page that did not answer so many times is not asked again: each of them may have waited for the whole limit."""

SLOW_FAULT_S = 0.5
"""A fault (500 and above) that takes so long to come counts as one of these: while the database is away every page
waits for it, and eight times of each would be a minute."""

FAULT = 500

PATIENCE = 5
"""A page is waited for so many times its limit, so that it is told from one that never answers."""

LEAST_PATIENCE_S = 5.0
MOST_PATIENCE_S = 30.0

OPENAPI = "/openapi.json"


def patience_s(limit_s: float) -> float:
    """The longest wait for one answer."""
    return min(max(LEAST_PATIENCE_S, PATIENCE * limit_s), MOST_PATIENCE_S)


async def ask_pages(line: Line, paths: Sequence[str]) -> tuple[Endpoint, ...]:
    """How each answered."""
    return tuple([await _ask(line, path) for path in paths[:MOST_PAGES]])


async def _ask(line: Line, path: str) -> Endpoint:
    answers: list[Answer] = []
    failures = 0
    while len(answers) < REQUESTS_EACH and failures < FAILURES_EACH:
        answer = await line.get(path)
        answers.append(answer)
        failures += bool(answer.error) or ((answer.status or 0) >= FAULT and answer.seconds > SLOW_FAULT_S)
        await asyncio.sleep(PAUSE_S)
    taken = sorted(answer.seconds for answer in answers if not answer.error)
    # A query may hold a secret, so it is left out of what is shown and kept.
    shown, query, _ = path.partition("?")
    return Endpoint(
        f"{shown}?..." if query else shown,
        dict(Counter(answer.status for answer in answers if answer.status is not None)),
        percentile(taken, 0.50),
        percentile(taken, 0.99),
        tuple(answer.error for answer in answers if answer.error),
    )


def percentile(taken: Sequence[float], share: float) -> float | None:
    """By nearest rank, of sorted values: a value that was measured. None of none."""
    return taken[max(0, math.ceil(share * len(taken)) - 1)] if taken else None


def pages_of(answer: Answer) -> Known[tuple[str, ...]]:
    """The GET routes of an OpenAPI document that need no parameters and are not told to be gone soon."""
    name_them = "Name pages to ask with --endpoint."
    if answer.error or answer.status != 200:
        return Known(why=f"{OPENAPI} {answer.error or f'answers {answer.status}'}", fix=name_them)
    try:
        document = json.loads(answer.body)
        found = tuple(_without_parameters(document["paths"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return Known(why=f"{OPENAPI} is no OpenAPI document", fix=name_them)
    if not found:
        return Known(why=f"{OPENAPI} has no GET route without parameters", fix=name_them)
    return Known(found)


def _without_parameters(paths: Mapping[str, Any]) -> Iterator[str]:
    for path, methods in paths.items():
        if "{" in path or not path.startswith("/") or not path.isascii() or not path.isprintable():
            continue
        get = methods.get("get")
        if not isinstance(get, dict) or get.get("deprecated") or get.get("requestBody", {}).get("required"):
            continue
        parameters = [*methods.get("parameters", ()), *get.get("parameters", ())]
        if not any(parameter.get("required") or "$ref" in parameter for parameter in parameters):
            yield path
