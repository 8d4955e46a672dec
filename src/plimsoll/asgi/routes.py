"""Which route a request is for, told before the framework has looked: learned from the requests before it.

A framework says which route served a request only afterwards (`scope["route"].path`, as Starlette and FastAPI do). Its
pattern is kept, and the next request for it is known by its path, at the cost of one or two dictionary lookups. What is
not known yet, or never has a route, is `unknown`. The number of patterns is that of the program's routes; a client
cannot add to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from plimsoll.asgi.messages import Scope
from plimsoll.limiter import Priority

Value = TypeVar("Value")

REMEMBERED = 2048
"""Paths whose kind is remembered; when they are more, all are forgotten."""

LONGEST = 200
"""Characters of a path that is remembered."""

SURE = 20
"""A route that took no connection in so many requests is taken for one that never does, until it does."""

METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
"""Of a route that takes any: RFC 9110, RFC 5789 and QUERY."""


@dataclass(eq=False, slots=True)
class Kind:
    """What is known of a route."""

    name: str
    """`GET /items/{item_id}`."""
    priority: Priority
    template: str | None = None
    """The path of the framework's route; none where it is unknown."""
    seen: int = 0
    uses_database: bool = False
    limited: bool = True
    """Whether it may need a connection: it has taken one, or is not known well enough."""


@dataclass(eq=False)
class Kinds:
    """All routes that were seen. `priorities` are patterns of paths: exact (`/health/live`) or a beginning
    (`/admin/*`); an exact one counts before a beginning, a longer one before a shorter."""

    priorities: Mapping[str, Priority] = field(default_factory=dict)
    _by_path: dict[str, Kind] = field(default_factory=dict)
    _by_name: dict[tuple[str, Priority], Kind] = field(default_factory=dict)
    _patterns: dict[int, list[tuple[tuple[str | None, ...], str]]] = field(default_factory=dict)
    _unknown: dict[Priority, Kind] = field(default_factory=dict)

    def of(self, scope: Scope) -> Kind:
        """The kind of this request."""
        path: str = scope["path"]
        key: str = scope["method"] + path
        kind = self._by_path.get(key)
        if kind is None:
            kind = self._find(scope)
            if len(key) <= LONGEST:  # or a client could fill the memory with paths
                if len(self._by_path) >= REMEMBERED:
                    self._by_path.clear()
                self._by_path[key] = kind
        return kind

    def learn(self, scope: Scope, kind: Kind, *, took_connection: bool) -> None:
        """A request is done: which route was it, and did it need a connection?"""
        kind = self.served(scope, kind)
        if kind.template is None:
            return
        kind.seen += 1
        kind.uses_database = kind.uses_database or took_connection
        kind.limited = kind.uses_database or kind.seen < SURE

    def served(self, scope: Scope, kind: Kind) -> Kind:
        """The kind of a request that the framework has found the route of, where `kind` was the guess before."""
        route = scope.get("route")
        template = getattr(route, "path", None)
        if not isinstance(template, str) or template == kind.template:
            return kind
        methods = getattr(route, "methods", None)
        if scope["method"] not in (METHODS if methods is None else methods):
            return kind  # answered 405, or a route that takes any: the method is the client's invention
        return self._learn_pattern(scope, template) or kind

    def all(self) -> list[Kind]:
        """Every route that was seen."""
        return list(self._by_name.values())

    def _find(self, scope: Scope) -> Kind:
        method, segments = scope["method"], scope["path"].split("/")
        priority = self._priority(scope)
        for pattern, template in self._patterns.get(len(segments), ()):
            if _fits(pattern, segments):
                found = self._by_name.get((f"{method} {template}", priority))
                if found is not None:
                    return found
        unknown = self._unknown.get(priority)
        if unknown is None:
            # An unknown route may be any, so it counts as one that uses the database.
            unknown = self._unknown[priority] = Kind("unknown", priority, uses_database=True)
        return unknown

    def _learn_pattern(self, scope: Scope, template: str) -> Kind | None:
        segments = scope["path"].split("/")
        for candidate in (template, f"{scope.get('root_path', '')}{template}"):
            pattern = tuple(None if "{" in part else part for part in candidate.split("/"))
            if len(pattern) == len(segments) and _fits(pattern, segments):
                return self._add(scope, template, candidate, pattern)
        return None

    def _add(self, scope: Scope, template: str, whole: str, pattern: tuple[str | None, ...]) -> Kind:
        # One route may serve paths of several priorities.
        key = f"{scope['method']} {whole}", self._priority(scope)
        kind = self._by_name.get(key)
        if kind is None:
            kind = self._by_name[key] = Kind(*key, template)
            found = self._patterns.setdefault(len(pattern), [])
            if (pattern, whole) not in found:
                found.append((pattern, whole))
                # `/items/new` comes before `/items/{item_id}`.
                found.sort(key=lambda entry: sum(part is None for part in entry[0]))
            self._by_path.clear()
        return kind

    def _priority(self, scope: Scope) -> Priority:
        priority = for_request(self.priorities, scope)
        return Priority.NORMAL if priority is None else priority


def path_within(scope: Scope) -> str:
    """The path as the application's routes have it: without the prefix that a server was told of (`--root-path`)."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path


def for_request(patterns: Mapping[str, Value], scope: Scope) -> Value | None:
    """What the pattern has that fits the request best. Below a root path it may be written with that or without."""
    within = path_within(scope)
    found = by_path(patterns, within)
    return by_path(patterns, scope["path"]) if found is None and within != scope["path"] else found


def by_path(patterns: Mapping[str, Value], path: str) -> Value | None:
    """What the pattern has that fits best: the exact path, or else the longest beginning (`/admin/*`, which `/admin`
    fits too)."""
    exact = patterns.get(path)
    if exact is not None:
        return exact
    fitting = [pattern for pattern in patterns if pattern.endswith("*") and _begins(pattern, path)]
    return patterns[max(fitting, key=len)] if fitting else None


def _fits(pattern: tuple[str | None, ...], segments: list[str]) -> bool:
    return all(want is None or want == got for want, got in zip(pattern, segments, strict=True))


def _begins(pattern: str, path: str) -> bool:
    return path.startswith(pattern[:-1]) or (pattern.endswith("/*") and path == pattern[:-2])


PriorityOf = Callable[[Scope], Priority | None]
"""A request's priority by anything in its scope; None leaves it to the paths."""
