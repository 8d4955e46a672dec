"""Changes a server's own settings: which statements there are, what a setting stands at, what takes it back.

Statements are made here from a name and a value of known shapes. A text from elsewhere is read and never run."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from plimsoll.errors import PlimsollError
from plimsoll.server.facts import ServerFacts

NAME = re.compile(r"[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)?")
"""A setting's name; PostgreSQL's extensions put theirs before a dot."""

VALUE = re.compile(r"[A-Za-z0-9_.,:+/ -]{0,200}")
"""Numbers, sizes, words and lists of words. No quote, semicolon or backslash: it cannot end a literal."""

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_LITERAL = r"(?:'(?P<quoted>[^'\\;]*)'|(?P<bare>[A-Za-z0-9_.+-]+))"
_SETS = re.compile(
    rf"\s*(?P<verb>SET\s+GLOBAL|SET\s+PERSIST|ALTER\s+SYSTEM\s+SET)\s+(?P<name>\S+?)\s*(?:=|\bTO\b)\s*{_LITERAL}\s*;?\s*",
    re.IGNORECASE,
)
_RELOADS = re.compile(r"\s*SELECT\s+pg_reload_conf\(\s*\)\s*;?\s*", re.IGNORECASE)

Effect = Literal["now", "reload", "restart", "never"]
"""When a new value is in force: at once, once the server read its files again, at its next start, or never."""


class StatementRefusedError(PlimsollError):
    """A statement is not one of those that change a server's setting, so it is not run."""

    code = "PLE091"


class ValueChangedError(PlimsollError):
    """A setting is not what it was when the change was planned, or not what the change made it."""

    code = "PLE092"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A server's setting and the value it should have."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What a setting stands at.

    `value` is in force; `kept` is what the server itself keeps for its next start (`postgresql.auto.conf`,
    `mysqld-auto.cnf`): None where it keeps none, and where it may not be read, which `kept_known` tells apart.
    `origin` says in words where the value came from, `path` which file, where the server tells.
    """

    name: str
    value: str
    effect: Effect
    kept: str | None = None
    kept_known: bool = True
    origin: str = ""
    path: str = ""
    unit: str = ""
    pending: bool = False
    """Whether another value waits for the server's next start."""


class Changer(Protocol):
    """How one kind of server has its settings changed. Stateless."""

    async def standing(self, connection: AsyncConnection, name: str) -> Standing | None:
        """What a setting stands at; None where the server has none of that name."""

    def statements(self, wanted: Wanted, facts: ServerFacts) -> tuple[str, ...]:
        """What gives a setting a value, in order."""

    def takes_back(self, before: Standing, facts: ServerFacts) -> tuple[str, ...]:
        """What gives a setting the standing it had, in order."""

    def reads(self, name: str) -> str:
        """A statement, for a person, that shows what a setting stands at."""

    def file_line(self, wanted: Wanted, standing: Standing | None, facts: ServerFacts) -> tuple[str, str]:
        """A line for the server's configuration file, and which file; both empty where none is needed."""

    def privilege(self, facts: ServerFacts) -> str:
        """What an account needs for it, in words."""


def read_statement(text: str) -> Wanted | None:
    """What a statement of a known shape sets; None for `SELECT pg_reload_conf()`, which sets nothing.

    Raises:
        StatementRefusedError: it has any other shape.
    """
    if _RELOADS.fullmatch(text):
        return None
    match = _SETS.fullmatch(text)
    if match is None:
        raise StatementRefusedError(
            "This statement is not of a shape that is run here (SET GLOBAL, SET PERSIST, ALTER SYSTEM SET, each of one "
            "setting): run it yourself."
        )
    value = match["bare"] if match["quoted"] is None else match["quoted"]
    return checked(Wanted(match["name"].lower(), value))


def checked(wanted: Wanted) -> Wanted:
    """The same.

    Raises:
        StatementRefusedError: its name or value is not of the known shapes.
    """
    if not NAME.fullmatch(wanted.name) or not VALUE.fullmatch(wanted.value):
        raise StatementRefusedError(
            f"The name or the value for {wanted.name[:64]!r} has characters that are not put into a statement here."
        )
    return wanted


def literal(value: str) -> str:
    """A checked value as SQL: a number bare, anything else in quotes."""
    return value if _NUMBER.fullmatch(value) else f"'{value}'"


SIZES: Mapping[str, int] = {"B": 1, "kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
TIMES: Mapping[str, Decimal] = {
    "us": Decimal("0.001"),
    "ms": Decimal(1),
    "s": Decimal(1000),
    "min": Decimal(60_000),
    "h": Decimal(3_600_000),
    "d": Decimal(86_400_000),
}
_WITH_UNIT = re.compile(r"(-?\d+(?:\.\d+)?)\s*([A-Za-z]*)")
_UNIT = re.compile(r"(\d*)([A-Za-z]+)")
_SWITCHES = {"on": "1", "yes": "1", "true": "1", "off": "0", "no": "0", "false": "0"}


def same(one: str, other: str, unit: str = "") -> bool:
    """Whether two texts are one value: ON is 1, 2.000000 is 2, and with PostgreSQL's `unit` 64MB is 65536kB."""
    return _plain(one, unit) == _plain(other, unit)


def _plain(text: str, unit: str) -> object:
    word = text.strip().lower()
    word = _SWITCHES.get(word, word)
    match = _WITH_UNIT.fullmatch(text.strip())
    if match is None:
        try:
            return Decimal(word)
        except InvalidOperation:
            return word
    number, suffix = Decimal(match[1]), match[2]
    scale = _scale(suffix) if suffix else _scale(unit)
    return word if scale is None else number * scale


def _scale(unit: str) -> Decimal | None:
    """A unit in bytes or milliseconds; `8kB` is eight of `kB`. 1 for none, None for one that is not known."""
    match = _UNIT.fullmatch(unit)
    if match is None:
        return Decimal(1) if not unit else None
    base = SIZES.get(match[2], TIMES.get(match[2]))
    return None if base is None else Decimal(base) * int(match[1] or 1)
