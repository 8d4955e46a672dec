"""Which settings to use: pool size, overflow, wait, age and workers."""

from dataclasses import dataclass

from plimsoll.capacity.fitting import SQLITE_POOL, TIMEOUT_SHARE, idle_limit, most_workers, share
from plimsoll.capacity.question import Question
from plimsoll.capacity.queueing import connections_for
from plimsoll.capacity.reasons import (
    Recommendation,
    overflow_words,
    recycle_words,
    size_words,
    timeout_words,
    worker_words,
)
from plimsoll.settings.database import MAX_CONNECTIONS

IDLE_SHARE = 0.9
"""A connection is replaced at this share of the time after which the server, or a proxy, would close it."""

USUAL_RECYCLE_S = 280.0
"""The default of DB_POOL_RECYCLE, below the 300 s of many hosts: a changed age need not be longer."""

LINE_TIMES = 4
"""With a known load, a wait of so many times what a full line takes to pass is a wait for something that stands
still."""

SHORTEST_TIMEOUT_S = 2.0
"""A shorter wait fails on a pause of the server or of the network that is over in a moment."""


@dataclass(frozen=True, slots=True)
class Advice:
    """The settings to use. It fits every limit, also while a deployment replaces the workers.

    `question` is what was asked, with the workers that are recommended. `needed` is what a pool needs for the load,
    None where no load is given, or where no number of connections carries it.
    """

    question: Question
    pool_size: int
    max_overflow: int
    timeout_s: float
    recycle_s: float
    needed: int | None
    recommendations: tuple[Recommendation, ...]

    @property
    def each(self) -> int:
        """Connections that a pool may have."""
        return self.pool_size + self.max_overflow

    @property
    def workers(self) -> int:
        """Worker processes on a host."""
        return self.question.topology.workers


def advise(question: Question) -> Advice | None:
    """The settings to use; None where not even one worker on each host fits."""
    declared = question.topology.workers
    wanted = declared if question.cores is None else min(declared, max(1, question.cores))
    workers = most_workers(question, wanted)
    if workers is None:
        return None
    found = question.with_topology(workers=workers)
    needed = _needed(found)
    size, overflow = _sizes(found, needed)
    timeout_s, recycle_s = _timeout_s(found, size + overflow), _recycle_s(found)
    return Advice(
        question=found,
        pool_size=size,
        max_overflow=overflow,
        timeout_s=timeout_s,
        recycle_s=recycle_s,
        needed=needed,
        recommendations=(
            size_words(found, size, needed),
            overflow_words(found, size, overflow),
            timeout_words(found, timeout_s),
            recycle_words(found, recycle_s),
            worker_words(question, workers, declared),
        ),
    )


def automatic(question: Question) -> tuple[int, int] | None:
    """Size and overflow that `DB_POOL_SIZE=auto` takes: with the workers that are declared, whatever is advised; None
    where not each pool can have a connection."""
    return _sizes(question, _needed(question)) if share(question) >= 1 else None


def _needed(question: Question) -> int | None:
    if question.load is None:
        return None
    return connections_for(question.load.spread_over(question.topology.processes), question.plan.wait_s)


def _sizes(question: Question, needed: int | None) -> tuple[int, int]:
    """Size and overflow of a pool, where each can have one connection at least."""
    most = share(question)
    if question.server.dialect == "sqlite":
        return min(SQLITE_POOL, most), 0
    if question.load is None:
        size = min(question.plan.pool_size, most)
        return size, min(question.plan.max_overflow, most - size)
    size = min(needed or MAX_CONNECTIONS, most, MAX_CONNECTIONS)
    # As much again: for a peak of twice the load.
    return size, min(size, most - size)


def _timeout_s(question: Question, each: int) -> float:
    plan = question.plan
    most_s = plan.timeout_s
    if plan.request_timeout_s:
        most_s = min(most_s, max(SHORTEST_TIMEOUT_S, float(int(plan.request_timeout_s * TIMEOUT_SHARE))))
    if question.load is None:
        return most_s
    passes_s = LINE_TIMES * plan.max_waiting * question.load.hold_s / each
    return min(most_s, max(SHORTEST_TIMEOUT_S, float(int(passes_s + 1))))


def _recycle_s(question: Question) -> float:
    limit = idle_limit(question)
    if limit is None or question.plan.recycle_s < limit[0]:
        return question.plan.recycle_s
    return max(1.0, min(USUAL_RECYCLE_S, float(int(limit[0] * IDLE_SHARE))))
