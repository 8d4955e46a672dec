"""Snapshots of any values that their types allow, however odd: what a bug, another version or an attacker may send."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from plimsoll.snapshot import Snapshot

WORDS = (
    "",
    "GET /export",
    "idle in transaction",
    "querying",
    "/srv/app/export.py:41 in export",
    "stale worker",
    "10.0.0.9:52100",
    "Can't connect to MySQL server",
    "Too many connections",
    "Access denied",
    "waited 1 s of 60 s for the database",
    "lost_writes",
    "5xx",
    "bytes",
    "leak",
    "DB_LEAK_THRESHOLD",
    "REQUEST_TIMEOUT",
    "\u202e\ud800\x00\n" * 300,
)
TEXTS = st.sampled_from(WORDS) | st.text(st.characters(), max_size=20)
WHOLE = st.integers(-3, 60) | st.sampled_from([-(10**400), 2**63, 10**400])
FLOATS = st.floats() | st.sampled_from([0.0, 1.0, 30.0, 1e9, 1_795_860_000.0])


def of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type."""
    origin, parts = get_origin(kind), get_args(kind)
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        return st.builds(kind, **{field.name: of(hints[field.name]) for field in fields(kind)})
    if origin in (Union, UnionType):
        return st.none() | of(next(part for part in parts if part is not NoneType))
    if origin is tuple:
        return st.lists(of(parts[0]), max_size=2).map(tuple)
    if origin is Mapping:
        return st.dictionaries(TEXTS, of(parts[1]), max_size=2)
    if origin is Literal:
        return st.sampled_from(parts)
    return {str: TEXTS, int: WHOLE, float: FLOATS, bool: st.booleans()}[kind]


SNAPSHOTS: st.SearchStrategy[Snapshot] = of(Snapshot)
