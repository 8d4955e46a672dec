"""Holders by the route and the line of code that they have in common."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from plimsoll.snapshot.causes.wording import over, owner, place, quoted_statement, sane, verb
from plimsoll.snapshot.model import HolderView

NAMED = 3
"""Groups that a sentence names; the others are counted."""

ASLEEP = "idle in transaction"
RUNNING = ("querying", "running a statement")


@dataclass(frozen=True, slots=True)
class Group:
    """Holders of one route that took their connections at one line."""

    route: str
    place: str
    holders: tuple[HolderView, ...]

    @property
    def count(self) -> int:
        """How many."""
        return len(self.holders)

    @property
    def least_s(self) -> float:
        """How long all of them have held on at least."""
        return min(sane(holder.age_s) for holder in self.holders)

    @property
    def oldest(self) -> HolderView:
        """Who has held on for longest."""
        return max(self.holders, key=lambda holder: (sane(holder.age_s), holder.id))

    def mostly(self, *states: str) -> bool:
        """Whether more than half are in one of these states."""
        return 2 * sum(holder.state in states for holder in self.holders) > self.count

    @property
    def who(self) -> str:
        """GET /export for over 30 s, taken at app/export.py:41 in export."""
        return f"{owner(self.route)} for {over(self.least_s)}, taken at {place(self.place)}"


def grouped(holders: Iterable[HolderView]) -> tuple[Group, ...]:
    """The largest first."""
    by_line: dict[tuple[str, str], list[HolderView]] = {}
    for holder in holders:
        by_line.setdefault((holder.route, holder.place), []).append(holder)
    groups = [Group(route, place_, tuple(each)) for (route, place_), each in by_line.items()]
    return tuple(sorted(groups, key=lambda each: (-each.count, -each.least_s, each.route, each.place)))


def remedy(groups: Sequence[Group]) -> str:
    """What to do about them, by what most of the first of them do."""
    first, count = groups[0], sum(group.count for group in groups)
    whose, who = ("its", owner(first.route)) if len(groups) == 1 else ("their", "each of them")
    connections, statements = verb(count, "connection", "connections"), verb(count, "statement", "statements")
    if first.mostly(ASLEEP):
        return (
            f"Take {whose} {connections} back under Holders; then let {who} end its transaction before slow work that "
            "needs no database (a call to another service, a file, a stream)."
        )
    statement = quoted_statement(first.oldest.statement)
    if first.mostly(*RUNNING) and statement:
        takes = verb(count, "it takes", "they take")
        return f"End {whose} {statements} under Holders; then see why {takes} long (locks, an index): {statement}"
    return (
        f"Take {whose} {connections} back under Holders; then let {who} close its session before slow work, with "
        "'async with' or the session dependencies."
    )


def held_by(groups: Sequence[Group], of: str) -> str:
    """`of` are held by the group; or held for long: by the largest groups, and how many by the rest."""
    count = sum(group.count for group in groups)
    held = f"{of} {verb(count, 'is', 'are')} held"
    if len(groups) == 1:
        return f"{held} by {groups[0].who}"
    parts = [f"{group.count:,} by {group.who}" for group in groups[:NAMED]]
    rest = sum(group.count for group in groups[NAMED:])
    return f"{held}: {', '.join(parts)}{f', and {rest:,} by others' if rest else ''}"
