"""PL70x: the pages of the running service are fast enough, do not fail, and do not lie."""

from collections import Counter

from plimsoll.capacity.wording import counted
from plimsoll.checks.check import AFTER, Check
from plimsoll.checks.facts import Endpoint, Facts, RunningFacts
from plimsoll.checks.subjects.running import FEW, OK, TAGS, reached
from plimsoll.checks.verdict import CouldNot, Found, Level, Passed, Verdict

FIRST_FAULT = 500

HEALTH_WORDS = ("health", "alive", "status", "ping", "ready")
"""A page with one of these in its path is taken for one that monitors ask."""


def _fast(facts: Facts) -> Verdict:
    running = reached(facts)
    _ = running.pages.value
    slow = [page for page in running.endpoints if page.p99_s is not None and page.p99_s > running.request_limit_s]
    if not slow:
        worst = max((page for page in running.endpoints if page.p99_s is not None), key=_p99, default=None)
        if worst is None:
            return CouldNot("no page gave an answer whose time could be taken")
        return Passed(f"{counted(len(running.endpoints), 'page')}; slowest: {_timing(worst)}")
    slow.sort(key=_p99, reverse=True)
    return Found(
        f"over {running.request_limit_s * 1000:g} ms: {_listed([_timing(page) for page in slow])}",
        "See what they wait for: the pool (PL710), slow statements (PL808), another service. Give another limit with "
        "--request-limit-ms where they are meant to take so long.",
        numbers={f"p99_ms.{page.path}": _p99(page) * 1000 for page in slow},
    )


def _p99(page: Endpoint) -> float:
    return page.p99_s or 0.0


def _timing(page: Endpoint) -> str:
    return f"{page.path} p50 {(page.p50_s or 0.0) * 1000:.0f} ms, p99 {_p99(page) * 1000:.0f} ms"


def _without_faults(facts: Facts) -> Verdict:
    running = reached(facts)
    _ = running.pages.value
    wrong = [words for page in running.endpoints if (words := _faults(page))]
    if not wrong:
        statuses: Counter[int] = Counter()
        for page in running.endpoints:
            statuses.update(page.statuses)
        counts = ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))
        return Passed(
            f"{counted(sum(statuses.values()), 'request')} to {counted(len(running.endpoints), 'page')}: {counts}"
        )
    return Found(
        _listed(wrong),
        "The service's log says at these times what failed. A 503 with database-busy or memory-short is a refusal: see "
        "PL710 and PL801.",
        numbers={"pages": len(wrong)},
    )


def _faults(page: Endpoint) -> str:
    faults = [f"{count} x {status}" for status, count in sorted(page.statuses.items()) if status >= FIRST_FAULT]
    faults += [f"{page.errors.count(error)} x {error}" for error in dict.fromkeys(page.errors)]
    return f"{page.path}: {', '.join(faults)}" if faults else ""


def _listed(words: list[str]) -> str:
    more = f"; and {len(words) - FEW} more" if len(words) > FEW else ""
    return "; ".join(words[:FEW]) + more


def _truthful(facts: Facts) -> Verdict:
    running = reached(facts)
    why = _database_is_away(facts, running)
    if why and running.ready_database:
        return Passed(f"the service says that its database answers it, though {why}")
    if not why:
        if not facts.contact.known and not running.ready_database:
            return CouldNot("nobody else could say whether the database answers", "Run this where the settings are.")
        return Passed("the database answers, so a page that says ok is right")
    liars = [page.path for page in running.endpoints if set(page.statuses) == {OK} and _is_health(page.path)]
    if running.ready == OK and not running.ready_database:
        liars.insert(0, "/health/ready")
    if not liars:
        return Passed(f"{why}, and no health page says ok")
    return Found(
        f"{why}, and {', '.join(liars[:FEW])} answers {OK}",
        "Have monitors and balancers ask /health/ready, and take the other page away, or say in its name that it tells "
        "only that the process is alive.",
        numbers={"pages": len(liars)},
    )


def _is_health(path: str) -> bool:
    return path != "/health/live" and any(word in path.lower() for word in HEALTH_WORDS)


def _database_is_away(facts: Facts, running: RunningFacts) -> str:
    """Why it is known that the database does not serve; empty where it may well."""
    if running.ready_database is False:
        return f"the database does not answer the service ({running.ready_detail})"
    # One that is full answers the service, which holds its connections; of TLS the two may have other settings.
    if facts.contact.known and facts.contact.value.outcome == "down" and not facts.contact.value.cause:
        return f"the database does not answer from here ({facts.contact.value.words})"
    return ""


CHECKS: tuple[Check, ...] = (
    Check(
        "PL705",
        "A page is slower than its limit",
        Level.WARNING,
        frozenset({"running", "time"}),
        "Users wait; under load, requests that hold a connection for so long are what exhausts the pool.",
        """\
The pages given with `--endpoint`, else all GET routes of `/openapi.json` that need no parameters, are asked 8 times
each, one request at a time and at most 100 a second. Shown are the median and the 99th percentile by nearest rank,
which of 8 is the slowest: the first answer after a start counts too. Times are without connecting, as seen from here,
the network included. The limit is `--request-limit-ms`, 1000 by default: about a second is what keeps a person's flow
of thought (Nielsen, Usability Engineering, 1993, chapter 5).
""",
        _fast,
        AFTER,
    ),
    Check(
        "PL706",
        "A page fails",
        Level.ERROR,
        TAGS,
        "Users see an error.",
        """\
Of the pages that PL705 describes: none may answer 500 or above, or not at all. Below that, an answer is an answer:
401 says that the page wants a login.
""",
        _without_faults,
        AFTER,
    ),
    Check(
        "PL707",
        "A health page says ok while the database does not answer",
        Level.ERROR,
        frozenset({"running", "classic"}),
        "Monitors stay silent, and a balancer goes on sending requests to where none can be served.",
        """\
Where the service or this command cannot reach the database, no page that monitors would ask may answer 200: neither
`/health/ready` nor one of the service's own with health, alive, status, ping or ready in its path. `/health/live` is
right to say 200: it tells that the process is alive, and nothing else.
""",
        _truthful,
        AFTER,
    ),
)
