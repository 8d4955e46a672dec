"""Holders by the route and the line of code that they have in common."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from plimsoll.snapshot.causes.wording import over, owner, place, quoted, sane, verb
from plimsoll.snapshot.model import HolderView

NAMED = 2
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

    @property
    def remedy(self) -> str:
        """What to do about it, by what they do."""
        route = owner(self.route)
        if self.mostly(ASLEEP):
            return (
                f"Take its connections back under Connections; then let {route} end its transaction before slow work "
                "that needs no database (a call to another service, a file, a stream)."
            )
        statement = quoted(self.oldest.statement)
        if self.mostly(*RUNNING) and statement:
            return f"End its statements under Connections; then see why they take long (locks, an index): {statement}"
        return (
            f"Take its connections back under Connections; then let {route} close its session before slow work, "
            "with 'async with' or the session dependencies."
        )


def grouped(holders: Iterable[HolderView]) -> tuple[Group, ...]:
    """The largest first."""
    by_line: dict[tuple[str, str], list[HolderView]] = {}
    for holder in holders:
        by_line.setdefault((holder.route, holder.place), []).append(holder)
    groups = [Group(route, place_, tuple(each)) for (route, place_), each in by_line.items()]
    return tuple(sorted(groups, key=lambda each: (-each.count, -each.least_s, each.route, each.place)))


def held_by(groups: Sequence[Group], of: str) -> str:
    """`of` are held by the group; or held for long: by the largest groups, and how many by the rest."""
    count = sum(group.count for group in groups)
    held = f"{of} {verb(count, 'is', 'are')} held"
    if len(groups) == 1:
        return f"{held} by {groups[0].who}"
    parts = [f"{group.count:,} by {group.who}" for group in groups[:NAMED]]
    rest = sum(group.count for group in groups[NAMED:])
    return f"{held}: {', '.join(parts)}{f', and {rest:,} by others' if rest else ''}"
