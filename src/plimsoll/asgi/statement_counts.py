"""What the statements of one form did; how many forms are kept, and how much of them, is bounded."""

from hashlib import blake2b

from plimsoll.server.forms import form_of
from plimsoll.snapshot import StatementView
from plimsoll.snapshot.shown import cut

MOST_FORMS = 250
"""Forms that are kept; when there are more, the least used are dropped, down to `KEPT_FORMS`."""
KEPT_FORMS = 200

MOST_TEXTS = 2000
"""Texts whose form is remembered; when they are more, all are forgotten. An application has some hundred; one that
writes values into its texts has any number, and its texts are read each time."""

SHOWN = 500
"""Characters of a form that are shown."""

ROUTES = 3
"""Routes named for a statement."""


class StatementCounts:
    """Of one form. Times are seconds."""

    __slots__ = ("count", "errors", "fingerprint", "most_s", "routes", "rows", "text", "total_s")

    def __init__(self, fingerprint: str, text: str) -> None:
        self.fingerprint = fingerprint
        self.text = text
        self.count = self.rows = self.errors = 0
        self.total_s = self.most_s = 0.0
        self.routes: tuple[str, ...] = ()

    def ran(self, seconds: float, rows: int, route: str, failed: bool) -> None:
        """Once more."""
        self.count += 1
        self.total_s += seconds
        if seconds > self.most_s:
            self.most_s = seconds
        self.rows += rows
        if failed:
            self.errors += 1
        if route not in self.routes:
            self.routes = (route, *self.routes[: ROUTES - 1])

    def fetched(self, seconds: float, rows: int) -> None:
        """More rows of it came; the time is the statement's, and no part of its longest."""
        self.total_s += seconds
        self.rows += rows

    def view(self) -> StatementView:
        """As it is now."""
        return StatementView(
            self.fingerprint, self.text, self.count, self.total_s, self.most_s, self.rows, self.errors, self.routes
        )


class StatementTable:
    """All forms of one dialect. A text is known by its hash, so that none is kept: it may have values in it."""

    def __init__(self, dialect: str) -> None:
        self._dialect = dialect
        self._by_text: dict[int, StatementCounts] = {}
        self._by_fingerprint: dict[str, StatementCounts] = {}

    def of(self, statement: str) -> StatementCounts:
        """The counts of its form."""
        return self._by_text.get(hash(statement)) or self._find(statement)

    def views(self) -> tuple[StatementView, ...]:
        """All of them, those that took the most time first."""
        found = sorted(self._by_fingerprint.values(), key=lambda counts: counts.total_s, reverse=True)
        return tuple(counts.view() for counts in found)

    def _find(self, statement: str) -> StatementCounts:
        form = form_of(statement, self._dialect)
        fingerprint = blake2b(form.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        counts = self._by_fingerprint.get(fingerprint)
        if counts is None:
            if len(self._by_fingerprint) >= MOST_FORMS:
                self._drop_the_least_used()
            counts = self._by_fingerprint[fingerprint] = StatementCounts(fingerprint, cut(form, SHOWN))
        if len(self._by_text) >= MOST_TEXTS:
            self._by_text.clear()
        self._by_text[hash(statement)] = counts
        return counts

    def _drop_the_least_used(self) -> None:
        """Of those used alike the older ones; the order among those that stay is as it was."""
        found = list(self._by_fingerprint.items())
        found.sort(key=lambda item: item[1].count)
        dropped = {fingerprint for fingerprint, _ in found[: len(found) - KEPT_FORMS]}
        self._by_fingerprint = {name: counts for name, counts in self._by_fingerprint.items() if name not in dropped}
        self._by_text = {text: counts for text, counts in self._by_text.items() if counts.fingerprint not in dropped}
