"""Turns the text of a setting into its value, strictly: what is not plainly right is refused."""

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr, TypeAdapter, ValidationError

# No leading zeros: 010 is eight to some readers and ten to others. 18 digits fit every bound of ours.
_WHOLE = re.compile(r"-?[1-9][0-9]{0,17}|0")
_NUMBER = re.compile(r"(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,9})?")

FLAGS: Mapping[str, bool] = MappingProxyType(
    {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
)


class RefusedError(ValueError):
    """A value is not of the kind asked for; the words say why and never repeat the value."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How values of one type are read: from text, or as an object that code passed."""

    parse: Callable[[str], Any]
    adopt: Callable[[Any], Any]
    allowed: str


def read_value(kind: Kind, given: object) -> Any:
    """The value that `given` stands for; raises RefusedError."""
    if not isinstance(given, str):
        return kind.adopt(given)
    refuse_unprintable(given)
    return kind.parse(given)


def refuse_unprintable(text: str) -> None:
    """Raise RefusedError for text that no database, file or log can take."""
    if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise RefusedError("has bytes in it that are not UTF-8 text")


def parse_whole(text: str) -> int:
    """An integer in plain ASCII digits: no sign but a minus, no spaces, underscores or exponent."""
    if _WHOLE.fullmatch(text):
        return int(text)
    if _WHOLE.fullmatch(text.strip()):
        raise RefusedError("has a space or line break around the number")
    raise RefusedError("is not a whole number in plain digits")


def parse_number(text: str) -> float:
    """Plain ASCII digits with an optional decimal fraction, such as 30 or 2.5; never negative."""
    if _NUMBER.fullmatch(text):
        return float(text)
    if _NUMBER.fullmatch(text.strip()):
        raise RefusedError("has a space or line break around the number")
    if _WHOLE.fullmatch(text):
        raise RefusedError("is below zero")
    raise RefusedError("is not a number in plain digits")


def parse_flag(text: str) -> bool:
    """true, 1, yes, on or false, 0, no, off, in any case."""
    flag = FLAGS.get(text.lower())
    if flag is None:
        raise RefusedError("is neither true nor false")
    return flag


def parse_names(text: str) -> tuple[str, ...]:
    """The names between the commas, without the spaces around them; nothing between commas is no name."""
    return tuple(name for name in (part.strip() for part in text.split(",")) if name)


def _adopt_whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise RefusedError("is not a whole number")
    return value


def _adopt_number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise RefusedError("is not a number")
    return float(value)


def _adopt_flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise RefusedError("is neither True nor False")
    return value


def _adopt_text(value: object) -> str:
    raise RefusedError(f"is not text but {type(value).__name__}")


def _adopt_secret(value: object) -> SecretStr:
    if not isinstance(value, SecretStr):
        raise RefusedError(f"is neither text nor SecretStr but {type(value).__name__}")
    refuse_unprintable(value.get_secret_value())
    return value


def _adopt_names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) and name for name in value):
        raise RefusedError("is not a tuple of names, none of them empty")
    return tuple(value)


def _adopt_path(value: object) -> Path:
    if not isinstance(value, os.PathLike):
        raise RefusedError("is not the path of a file")
    return Path(value)


_KINDS: Mapping[Any, Kind] = MappingProxyType(
    {
        int: Kind(parse_whole, _adopt_whole, "a whole number"),
        float: Kind(parse_number, _adopt_number, "a number"),
        bool: Kind(parse_flag, _adopt_flag, "true or false (also 1, yes, on, 0, no, off)"),
        str: Kind(str, _adopt_text, "text"),
        SecretStr: Kind(SecretStr, _adopt_secret, "text"),
        Path: Kind(Path, _adopt_path, "the path of a file"),
        tuple[str, ...]: Kind(parse_names, _adopt_names, "names separated by commas"),
    }
)


def _choice(choices: tuple[Any, ...]) -> Kind:
    by_text = {str(choice): choice for choice in choices}

    def parse(text: str) -> Any:
        if text not in by_text:
            raise RefusedError("is not one of the words allowed")
        return by_text[text]

    def adopt(value: object) -> Any:
        raise RefusedError("is not one of the words allowed")

    return Kind(parse, adopt, " or ".join(by_text))


def _other(annotation: Any) -> Kind:
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)

    def read(value: object) -> Any:
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            raise RefusedError("; ".join(item["msg"] for item in error.errors(include_input=False))) from None

    return Kind(read, read, "what its type allows")


def without_none(annotation: Any) -> tuple[Any, bool]:
    """The annotation without `| None`, and whether it had one."""
    if get_origin(annotation) not in (Union, UnionType):
        return annotation, False
    members = [member for member in get_args(annotation) if member is not NoneType]
    optional = len(members) < len(get_args(annotation))
    return (members[0] if len(members) == 1 else Union[tuple(members)]), optional  # noqa: UP007


def _or_words(kind: Kind, words: tuple[str, ...]) -> Kind:
    """Values of a kind, or one of some words beside them."""
    allowed = f"{', '.join(words)}, or {kind.allowed}"
    return Kind(lambda text: text if text in words else kind.parse(text), kind.adopt, allowed)


def kind_of(annotation: Any) -> Kind:
    """How to read values of this type; types that are not ours are left to pydantic."""
    if get_origin(annotation) is Literal:
        return _choice(get_args(annotation))
    match get_args(annotation):
        case (other, words) if get_origin(annotation) in (Union, UnionType) and get_origin(words) is Literal:
            return _or_words(kind_of(other), get_args(words))
    return _KINDS.get(annotation) or _other(annotation)


def plain(number: float) -> str:
    """A number as one would type it: 104857600 and 0.1, neither 1.04858e+08 nor 30.0."""
    return str(int(number)) if number == int(number) else str(number)


def describe(allowed: str, ge: float | None, le: float | None) -> str:
    """What is allowed, with the bounds: "a whole number from 1 to 1000"."""
    if ge is not None and le is not None:
        return f"{allowed} from {plain(ge)} to {plain(le)}"
    if ge is not None:
        return f"{allowed}, {plain(ge)} or more"
    return f"{allowed}, {plain(le)} or less" if le is not None else allowed
