"""What is wrong with a worker now, in a sentence each with its cause and numbers, and what to do next: the gravest
first. Pure: it looks at snapshots and asks nobody. docs/problems.md has all keys, how each is judged and why."""

from plimsoll.snapshot.causes import connections, database, exhaustion, locks, memory, server, traffic, worker
from plimsoll.snapshot.causes.case import Case
from plimsoll.snapshot.causes.rule import Rule
from plimsoll.snapshot.causes.wording import bounded
from plimsoll.snapshot.model import Problem, Snapshot
from plimsoll.snapshot.rows import Level

GRAVITY: dict[Level, int] = {"critical": 0, "warning": 1, "info": 2}

RULES: tuple[Rule, ...] = (
    *database.RULES,
    *memory.RULES,
    *locks.RULES,
    *exhaustion.RULES,
    worker.LOST_WRITES,
    worker.STOPPING,
    *connections.RULES,
    *traffic.RULES,
    *server.RULES,
    *worker.RULES,
)
"""Causes before what follows from them: in this order problems of one level are told."""


def problems(now: Snapshot, before: Snapshot | None = None) -> tuple[Problem, ...]:
    """Nothing where all is well. One for each key at most, and no symptom beside its cause.

    `before` is an earlier snapshot of the same worker, ten seconds to a minute old as a rule: errors, refusals and the
    like are told if they were counted since then. Without it only what can be seen in one moment is.
    """
    case = Case(now, before)
    found = [(rule.key, each) for rule in RULES if (each := rule.look(case)) is not None]
    hidden = frozenset().union(*(each.hides for _key, each in found))
    told = [
        Problem(each.level, key, bounded(each.sentence), bounded(each.action))
        for key, each in found
        if key not in hidden
    ]
    return tuple(sorted(told, key=lambda problem: GRAVITY[problem.level]))
