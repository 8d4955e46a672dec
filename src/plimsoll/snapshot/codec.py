"""Snapshots and series as JSON and back: what `/ops/snapshot` and `/ops/history` answer, and black-box files hold."""

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from plimsoll.errors import SnapshotError
from plimsoll.snapshot.history import Series
from plimsoll.snapshot.model import Snapshot

FORMAT = 1
"""Raised when a name is taken away or gets another meaning; names that are added do not raise it."""


def to_json(snapshot: Snapshot) -> dict[str, Any]:
    """Values as `json` takes them; a number that is not finite becomes None, which JSON has no word for."""
    return {"format": FORMAT, **_plain(snapshot)}


def from_json(document: object) -> Snapshot:
    """The snapshot that `to_json` has made. Names it does not know are passed over; such as are missing take their
    defaults.

    Raises:
        SnapshotError: it is none, of another format, or a value is of another kind; says which.
    """
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        found = document.get("format") if isinstance(document, dict) else type(document).__name__
        raise SnapshotError(f"this is no snapshot of format {FORMAT} (found: {found!r}); is it of another version?")
    made: Snapshot = _made(Snapshot, document, "snapshot")
    return made


def series_to_json(series: Series) -> dict[str, Any]:
    """What was, as `/ops/history` answers it."""
    plain: dict[str, Any] = _plain(series)
    return plain


def series_from_json(document: object) -> Series:
    """The series that `series_to_json` has made.

    Raises:
        SnapshotError: it is none, or not each of its numbers has a time; says which.
    """
    made: Series = _made(Series, document, "history")
    for name, values in made.values.items():
        if len(values) != len(made.times_s):
            raise SnapshotError(f"history.values.{name} has {len(values)} numbers for {len(made.times_s)} times")
    return made


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _made(kind: Any, value: Any, where: str) -> Any:
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        if value is None and NoneType in parts:
            return None
        return _made(next(part for part in parts if part is not NoneType), value, where)
    if is_dataclass(kind) and isinstance(kind, type):
        return _record(kind, value, where)
    if origin is tuple and isinstance(value, list):
        return tuple(_made(parts[0], each, f"{where}[{place}]") for place, each in enumerate(value))
    if origin is Mapping and isinstance(value, dict):
        return MappingProxyType({key: _made(parts[1], each, f"{where}.{key}") for key, each in value.items()})
    if origin is Literal and value in parts:
        return value
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if kind in (int, str, bool) and type(value) is kind:
        return value
    raise SnapshotError(f"{where} is {value!r:.60}, which is not what it should be")


@cache
def _hints(kind: type[Any]) -> Mapping[str, Any]:
    # They are evaluated anew at each call, which would be most of the time that reading takes.
    return get_type_hints(kind)


def _record(kind: type[Any], value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise SnapshotError(f"{where} is {value!r:.60}, which is not what it should be")
    hints = _hints(kind)  # type: ignore[arg-type]  # a class is hashable
    given = {
        field.name: _made(hints[field.name], value[field.name], f"{where}.{field.name}")
        for field in fields(kind)
        if field.name in value
    }
    try:
        return kind(**given)
    except TypeError as error:
        raise SnapshotError(f"{where} lacks something: {error}") from None
