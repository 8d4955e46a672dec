"""Snapshots and series as JSON and back: what `/ops/snapshot` and `/ops/history` answer, and black-box files hold."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from math import isfinite
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Literal, TypeGuard, Union, get_args, get_origin, get_type_hints

from plimsoll.errors import SnapshotError
from plimsoll.snapshot.history import Series
from plimsoll.snapshot.model import Snapshot

FORMAT = 1
"""Raised when a name is taken away or gets another meaning; names that are added do not raise it."""

LARGEST = 1 << 64
"""Beyond all that is counted; JSON has numbers that no float can hold."""

_AS_IT_IS = frozenset({str, int, bool, NoneType})
"""Kinds of values that JSON has too. Speed counts here: a snapshot of two hundred routes has ten thousand values, and
is written and read in the event loop."""

_Reader = Callable[[Any], Any]


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
    made: Snapshot = _read(Snapshot, document, "snapshot")
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
    made: Series = _read(Series, document, "history")
    for name, values in made.values.items():
        if len(values) != len(made.times_s):
            raise SnapshotError(f"history.values.{name} has {len(values)} numbers for {len(made.times_s)} times")
    return made


def _read(kind: Any, document: object, called: str) -> Any:
    try:
        return _reader(kind)(document)
    except _OddError as error:
        raise SnapshotError(f"{called}{error}") from None


# --- to JSON ---


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind in _AS_IT_IS:
        return value
    if kind is tuple:
        return [each if type(each) in _AS_IT_IS else _plain(each) for each in value]
    if kind is float:
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    return {name: _plain(getattr(value, name)) for name in _names(kind)}  # type: ignore[arg-type]  # a class is hashable


@cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


# --- from JSON ---


class _OddError(Exception):
    """A value is not what it should be; where it is, is added on the way out."""

    def __init__(self, words: str) -> None:
        self._words = words
        self._where = ""

    def within(self, place: str) -> None:
        """It is in this part of something."""
        self._where = place + self._where

    def __str__(self) -> str:
        return f"{self._where} {self._words}"


def _odd(value: object) -> _OddError:
    words = f"a number of {value.bit_length()} bits" if _is_too_large(value) else f"{value!r:.60}"
    return _OddError(f"is {words}, which is not what it should be")


def _is_too_large(value: object) -> TypeGuard[int]:
    return type(value) is int and abs(value) > LARGEST


@cache
def _reader(kind: Any) -> _Reader:
    """What makes values of this kind."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _or_none(_reader(next(part for part in parts if part is not NoneType)))
    if origin is tuple:
        return _many(_reader(parts[0]))
    if origin is Mapping:
        return _by_name(_reader(parts[1]))
    if origin is Literal:
        return _one_of(parts)
    if is_dataclass(kind) and isinstance(kind, type):
        return _record(kind)
    return _number if kind is float else _exactly(kind)


def _exactly(kind: type[Any]) -> _Reader:
    def read(value: Any) -> Any:
        if type(value) is not kind or _is_too_large(value):
            raise _odd(value)
        return value

    return read


def _number(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is int and not _is_too_large(value):
        return float(value)
    raise _odd(value)


def _one_of(words: tuple[Any, ...]) -> _Reader:
    def read(value: Any) -> Any:
        if value not in words:
            raise _odd(value)
        return value

    return read


def _or_none(read_it: _Reader) -> _Reader:
    return lambda value: None if value is None else read_it(value)


def _many(read_one: _Reader) -> _Reader:
    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise _odd(value)
        made: list[Any] = []
        try:
            for each in value:
                made.append(read_one(each))  # noqa: PERF401 - their number says where it ended
        except _OddError as error:
            error.within(f"[{len(made)}]")
            raise
        return tuple(made)

    return read


def _by_name(read_one: _Reader) -> _Reader:
    def read(value: Any) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise _odd(value)
        return MappingProxyType(_parts(value, ((name, read_one) for name in value)))

    return read


def _record(kind: type[Any]) -> _Reader:
    hints = get_type_hints(kind)
    readers = tuple((field.name, _reader(hints[field.name])) for field in fields(kind))

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise _odd(value)
        given = _parts(value, readers)
        try:
            return kind(**given)
        except TypeError as error:
            raise _OddError(f"lacks something: {error}") from None

    return read


def _parts(value: Any, readers: Iterable[tuple[str, _Reader]]) -> dict[str, Any]:
    """Those that are there."""
    given: dict[str, Any] = {}
    for name, read in readers:
        if name in value:
            try:
                given[name] = read(value[name])
            except _OddError as error:
                error.within(f".{name}")
                raise
    return given
