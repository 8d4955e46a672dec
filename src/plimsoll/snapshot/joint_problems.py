"""What is wrong with which of several workers: each kind of problem once, also where several have it, and the load line
against what all of them may ask for. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from plimsoll.snapshot.adding import all_lines, all_pools
from plimsoll.snapshot.causes import locks, server
from plimsoll.snapshot.causes.case import Case
from plimsoll.snapshot.causes.rule import Found
from plimsoll.snapshot.causes.wording import bounded, counted, listed, plain, sane
from plimsoll.snapshot.diagnosis import GRAVITY, RULES, problems
from plimsoll.snapshot.model import LoadLineView, Problem, Snapshot
from plimsoll.snapshot.processes import name_of
from plimsoll.snapshot.rows import Totals

NAMED = 3
"""Workers that a sentence names; the others are counted."""

SHARED = frozenset({locks.KEY, *(rule.key for rule in server.RULES)} - {"server-unseen"})
"""Problems of the server, which every worker sees alike: told once, without a worker."""

LOAD_LINE = "load-line"

JOINT = {rule.key: rule for rule in RULES if rule.key in ("pool-exhausted", "connections-held")}
"""Problems that are of who holds what now: places and holders of several workers can be added up."""


def problems_of(seen: Sequence[Snapshot], totals: Totals, load_line: LoadLineView | None) -> tuple[Problem, ...]:
    """The gravest first, each with the workers that have it."""
    by_key: dict[str, list[tuple[Snapshot, Problem]]] = {}
    for snapshot in seen:
        for problem in snapshot.problems:
            by_key.setdefault(problem.key, []).append((snapshot, problem))
    hanging = _hanging(seen)
    hidden = hanging.hides if hanging is not None else frozenset()
    apart = {LOAD_LINE, *SHARED, *hidden}
    told = [_of_workers(found, len(seen)) for key, found in by_key.items() if key not in apart]
    told += (problem for problem in _of_server(seen) if problem.key not in hidden)
    if hanging is not None:
        told.append(Problem(hanging.level, locks.KEY, bounded(hanging.sentence), bounded(hanging.action)))
    line = _of_load_line(totals, load_line) or _first(by_key.get(LOAD_LINE, []))
    if line is not None:
        told.append(line)
    order = {rule.key: place for place, rule in enumerate(RULES)}
    return tuple(
        sorted(told, key=lambda each: (GRAVITY[each.level], order.get(each.key, len(order)), each.key, each.sentence))
    )


def _first(found: Sequence[tuple[Snapshot, Problem]]) -> Problem | None:
    """The gravest."""
    return min((problem for _snapshot, problem in found), key=lambda each: GRAVITY[each.level], default=None)


def _of_workers(found: Sequence[tuple[Snapshot, Problem]], workers: int) -> Problem:
    """One kind of problem: of one worker in its words; of several with the numbers of all of them together, or else in
    the words of one where it is gravest, which are then said to be of that one. Where all have it, the others are not
    named: what is wrong is to be read before a list of names."""
    ordered = sorted(found, key=lambda each: (GRAVITY[each[1].level], name_of(each[0])))
    (_, gravest), names = ordered[0], [plain(name_of(each)) for each, _problem in ordered]
    if len(names) == 1:
        return replace(gravest, sentence=bounded(f"{names[0]}: {gravest.sentence}"))
    in_all = len(names) == workers
    joint = _joint(gravest, [each for each, _problem in ordered])
    if joint is not None:
        who = f"All {counted(workers, 'worker')}" if in_all else _named(names)
        return replace(joint, sentence=bounded(f"{who} together: {joint.sentence}"))
    where = f"In all {counted(workers, 'worker')}" if in_all else f"In {len(names):,} of {counted(workers, 'worker')}"
    if len({problem.sentence for _each, problem in ordered}) > 1:
        where += f", {'worst in' if gravest.level != ordered[1][1].level else 'such as'} {names[0]}"
        where += "" if in_all else f" (also {_named(names[1:])})"
    elif not in_all:
        where += f" ({_named(names)})"
    return replace(gravest, sentence=bounded(f"{where}: {gravest.sentence}"))


def _named(names: Sequence[str]) -> str:
    """web-1:1, web-1:2 and 6 more."""
    more = len(names) - NAMED + 1
    return listed(names if len(names) <= NAMED else [*names[: NAMED - 1], f"{more} more"])


def _joint(gravest: Problem, having: Sequence[Snapshot]) -> Problem | None:
    """The problem of those who have it as if they were one worker, where it is of what they hold now and no less grave
    for that: what each has counted lately is not to be had of several."""
    rule = JOINT.get(gravest.key)
    if rule is None:
        return None
    one = having[0]
    began_s = min(sane(each.worker.started_s) for each in having)
    found = rule.look(
        Case(
            replace(
                one,
                worker=replace(one.worker, started_s=began_s),
                pool=all_pools(having, like=one.pool),
                admission=all_lines(having),
                holders=tuple(holder for each in having for holder in each.holders),
                routes=(),
                statements=(),
            )
        )
    )
    if found is None or GRAVITY[found.level] > GRAVITY[gravest.level]:
        return None
    return Problem(found.level, gravest.key, found.sentence, bounded(found.action))


def _of_server(seen: Sequence[Snapshot]) -> list[Problem]:
    """Of the server, as the worker sees it that has asked last. A connection of one of these workers that sleeps is
    that worker's problem, and told there with its route and line."""
    newest = _asked_last(seen)
    if newest is None or newest.server is None:
        return []
    names = {name_of(each) for each in seen}
    foreign = tuple(each for each in newest.server.processes if each.worker not in names or each.mark == "stale worker")
    joint = {locks.KEY, "server-sleepers"}
    told = [problem for problem in newest.problems if problem.key in SHARED - joint]
    alone = problems(replace(newest, server=replace(newest.server, processes=foreign)))
    return [*told, *(problem for problem in alone if problem.key == "server-sleepers")]


def _asked_last(seen: Sequence[Snapshot]) -> Snapshot | None:
    """The worker that has asked the server last, and was answered if any was."""
    asked = [
        (bool(each.server.error), -_server_s(each), name_of(each), each) for each in seen if each.server is not None
    ]
    return min(asked)[-1] if asked else None


def _hanging(seen: Sequence[Snapshot]) -> Found | None:
    """Who waits for a lock, and for whom, whichever worker has the one or the other. As grave as for any of them."""
    newest = _asked_last(seen)
    if newest is None:
        return None
    held = tuple(holder for each in seen for holder in each.holders)
    joint = replace(newest, pool=all_pools(seen, like=newest.pool), admission=all_lines(seen), holders=held)
    found = locks.look(Case(joint))
    levels = [each.level for one in seen for each in one.problems if each.key == locks.KEY]
    return found and replace(found, level=min([found.level, *levels], key=GRAVITY.__getitem__))


def _server_s(snapshot: Snapshot) -> float:
    return sane(snapshot.server.at_s) if snapshot.server is not None else 0.0


def _of_load_line(totals: Totals, line: LoadLineView | None) -> Problem | None:
    """Where those that were seen may ask for more than is allowed, or than was declared."""
    if line is None:
        return None
    who = f"{counted(totals.workers, 'worker')} on {counted(totals.hosts, 'host')} may ask for "
    asked = counted(totals.limit, "connection")
    if line.allowed is not None and totals.limit > line.allowed:
        sizes = f"DB_POOL_SIZE={line.advised_size}" if line.advised_size is not None else "smaller pools"
        return Problem(
            "warning",
            LOAD_LINE,
            bounded(f"{who}{asked}, and {line.allowed:,} are allowed by {plain(line.binding)}."),
            bounded(f"Give them {sizes}, or run fewer ('plimsoll capacity' shows the reckoning)."),
        )
    if totals.limit > max(line.demanded, line.demanded_deploying):
        return Problem(
            "warning",
            LOAD_LINE,
            bounded(f"{who}{asked}, more than the {line.demanded:,} that are declared."),
            "Declare the topology as it is (DEPLOY_HOSTS, WEB_CONCURRENCY), or end the workers that should not run.",
        )
    return None
