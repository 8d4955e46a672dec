"""Whether a deployment fits its limits, what each pool may have, and which limit binds."""

from collections.abc import Callable

from plimsoll.capacity.allowances import Allowance, allowances, crowds
from plimsoll.capacity.question import Question
from plimsoll.server.facts import ServerFacts
from plimsoll.settings.database import MAX_CONNECTIONS

SQLITE_POOL = 5
"""Connections of a process to a SQLite file, each with a thread of its own: one writes at a time, and more than a few
that read gain nothing, since Python runs one of them at a time."""

TIMEOUT_SHARE = 0.5
"""Who waits for a connection may wait for so much of a request's time; the rest is for the work."""


def share(question: Question) -> int:
    """What each pool may have so that all limits hold, also while deploying; 0 where not even one fits."""
    return min((allowance.each for allowance in allowances(question)), default=MAX_CONNECTIONS)


def binding(question: Question) -> Allowance | None:
    """The limit that leaves a pool the least; None where none is known."""
    return min(allowances(question), key=lambda found: (found.each, found.deploying), default=None)


def fits(question: Question) -> bool:
    """Whether each pool gets a connection at least, and each worker its processes."""
    crowded = any(crowd.workers < question.topology.workers_deploying for crowd in crowds(question))
    return not crowded and share(question) >= 1


def most_workers(question: Question, most: int) -> int | None:
    """The greatest number of workers on a host, up to `most`, that fits; None where not even one does."""
    return _greatest(most, lambda count: fits(question.with_topology(workers=count)))


def most_hosts(question: Question, most: int) -> int | None:
    """The greatest number of hosts, up to `most`, that fits with a worker on each; None where not even one does."""
    return _greatest(most, lambda count: fits(question.with_topology(hosts=count, workers=1)))


def _greatest(most: int, does_fit: Callable[[int], bool]) -> int | None:
    """By halving, since more never fit where fewer do not: of 256 workers on 10 000 hosts each is not tried."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if does_fit(middle):
            low = middle
        else:
            high = middle - 1
    return low or None


def what_binds(question: Question) -> str:
    """The limit that does not hold, or is the nearest, with its reckoning."""
    for crowd in crowds(question):
        if crowd.workers < question.topology.workers_deploying:
            return f"{crowd.name}: {crowd.reckoning}"
    limit = binding(question)
    return f"{limit.name}: {limit.reckoning}" if limit else "no limit"


def idle_limit(question: Question) -> tuple[float, str] | None:
    """The shortest time in seconds after which somebody closes an idle connection, and who; None where nobody is known
    to."""
    server_s, proxy_s = idle_limit_s(question.server), question.topology.database_proxy_idle_s
    name = "wait_timeout" if question.server.dialect == "mysql" else "idle_session_timeout"
    found = [(server_s, f"the server's {name}")] if server_s is not None else []
    if proxy_s and question.server.dialect != "sqlite":
        found.append((proxy_s, "the proxy's limit (DEPLOY_DB_PROXY_IDLE)"))
    return min(found, default=None)


def idle_limit_s(server: ServerFacts) -> float | None:
    """Seconds after which the server closes an idle connection; None where it never does, or does not tell."""
    name = "session.wait_timeout" if "session.wait_timeout" in server.variables else "wait_timeout"
    number = server.number(name if server.dialect == "mysql" else "idle_session_timeout")
    if number is None or not 0 < number < float("inf"):
        return None
    return number if server.dialect == "mysql" or server.units.get("idle_session_timeout") == "s" else number / 1000
