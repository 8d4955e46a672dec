"""Asks a server one question after another; what is not answered is noted, and the rest is still asked."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from plimsoll.server.words import words_of

Row = Sequence[Any]

MOST_WORDS = 300
"""Characters of the server's words that are kept for one question."""


class Questions:
    """The questions over one connection, which nobody else uses meanwhile and which has nothing under way.

    `unread` says of each question that failed what the server said. After a failure the transaction is rolled back,
    so that it spoils no later one. Once the connection is lost nothing more is asked: every question would wait for a
    new one.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._lost = ""
        self.unread: dict[str, str] = {}

    async def rows(self, about: str, statement: str) -> list[Row]:
        """The rows of an answer; none where there is no answer, which is noted under `about`."""
        return (await self._answer(about, statement))[1]

    async def record(self, about: str, statement: str) -> dict[str, Any]:
        """The first row of an answer by the names of its columns; empty where there is none, and then it is noted."""
        names, rows = await self._answer(about, statement)
        if not rows:
            self.note(about, "the server answered without a row")
        return dict(zip(names, rows[0], strict=False)) if rows else {}

    async def _answer(self, about: str, statement: str) -> tuple[Sequence[str], list[Row]]:
        if self._lost:
            self.note(about, self._lost)
            return (), []
        try:
            result = await self._connection.exec_driver_sql(statement)
            return (tuple(result.keys()), list(result.all())) if result.returns_rows else ((), [])
        except Exception as error:  # noqa: BLE001 - whatever the server or the driver makes of it, the rest is asked
            self.note(about, words_of(error))
            await self._recover(error)
            return (), []

    async def row(self, about: str, statement: str) -> Row | None:
        """The only row of an answer; None where there is none, and then it is noted."""
        rows = await self.rows(about, statement)
        if not rows:
            self.note(about, "the server answered without a row")
        return rows[0] if rows else None

    async def value(self, about: str, statement: str) -> Any:
        """The first value of the only row; None where there is none."""
        row = await self.row(about, statement)
        return row[0] if row else None

    async def pairs(self, about: str, statement: str) -> dict[str, str]:
        """An answer of names and values, as texts by lower-case names; NULL is the empty text."""
        rows = await self.rows(about, statement)
        if not rows:
            self.note(about, "the server answered without a row")
        found = self.each(about, rows, lambda row: (text_of(row[0]).lower(), text_of(row[1])))
        return {name: value for name, value in found if name}

    def each(self, about: str, rows: Sequence[Row], made_of: Callable[[Row], Any]) -> list[Any]:
        """What `made_of` makes of each row. A row that it cannot read is left out and noted."""
        made = []
        for row in rows:
            try:
                made.append(made_of(row))
            except (ValueError, TypeError, IndexError, OverflowError) as error:
                self.note(about, f"a row is not what was asked for: {words_of(error)}")
        return made

    def whole(self, name: str, values: Mapping[str, str]) -> int | None:
        """A value that must be a whole number of at least 0; None where it is missing or is not, which is noted."""
        text = values.get(name)
        if text is None:
            if name not in self.unread:
                self.note(name, "the server does not tell it")
            return None
        number = whole_of(text)
        if number is None:
            self.note(name, f"the server's answer {text[:60]!r} is not a number that it can be")
        return number

    def note(self, about: str, words: str) -> None:
        """Note why `about` is not known."""
        self.unread.setdefault(about, words[:MOST_WORDS])

    async def end(self) -> None:
        """Leave no transaction open."""
        if not self._lost:
            await self._recover(None)

    async def _recover(self, error: Exception | None) -> None:
        """Roll back; where that fails, or the connection was lost with the question, it is given up."""
        try:
            lost = self._connection.invalidated
            await self._connection.rollback()
        except Exception as failure:  # noqa: BLE001 - the words are noted with whatever is asked next
            lost, error = True, error or failure
            with contextlib.suppress(Exception):
                await self._connection.invalidate()
        if lost:
            self._lost = f"the connection was lost: {words_of(error) if error else 'it is closed'}"


def text_of(value: object) -> str:
    """A value as text, whatever type the driver gives it; NULL is the empty text."""
    if value is None:
        return ""
    return bytes(value).decode("utf-8", "replace") if isinstance(value, (bytes, bytearray)) else str(value)


def whole_of(value: object) -> int | None:
    """A whole number of at least 0; None for anything else."""
    text = text_of(value).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else None


def seconds_of(value: Any) -> float | None:
    """A length of time in seconds; None where it is NULL. Clocks that run apart make it no less than 0."""
    return None if value is None else max(0.0, float(value))


def version_of(text: str) -> tuple[int, ...]:
    """The numbers that a version begins with: `10.11.6-MariaDB` is (10, 11, 6); empty where it begins otherwise."""
    numbers = []
    for part in text.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)


_SECRETS = ("passw", "passphrase", "_pwd", "secret", "token", "credential", "sst_auth", "conninfo", "_command")
_THEMSELVES = ("password", "secret", "token")
"""What a variable's name ends with where even a number is the secret."""

_WORDS = ("", "on", "off", "yes", "no", "low", "medium", "strong", "(disabled)", "md5", "scram-sha-256")
_HIDDEN = "(set; not kept, it may hold a secret)"


def without_secrets(variables: Mapping[str, str]) -> dict[str, str]:
    """Variables whose names say that they may hold a secret are kept only as far as they are switches or numbers."""

    def kept(name: str, value: str) -> str:
        if value.lower() in _WORDS or not any(part in name for part in _SECRETS):
            return value
        return value if whole_of(value) is not None and not name.endswith(_THEMSELVES) else _HIDDEN

    return {name: kept(name, value) for name, value in variables.items()}
