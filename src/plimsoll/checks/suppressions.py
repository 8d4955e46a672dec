"""Reads which findings were accepted, by whom the reason is given, and until when."""

import tomllib
from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from plimsoll.errors import CommandError

FILE = "plimsoll-checks.toml"
KEYS = ("reason", "until")
HOW = 'Write it as\n  [PL012]\n  reason = "why this is fine here"\n  until = 2027-06-30'
IN_PYPROJECT = "In pyproject.toml the table is [tool.plimsoll.checks.PL012]."
NEVER = frozenset({"PL090"})
"""The check that names expired suppressions: suppressed, no one would ever look again."""


@dataclass(frozen=True, slots=True)
class Suppression:
    """One check whose finding was accepted for a reason, up to and with a day."""

    id: str
    reason: str
    until: date
    source: str
    expired: bool = False

    def __str__(self) -> str:
        return f"{self.id} in {self.source}, until {self.until}: {self.reason}"


def read_suppressions(home: Path, known: Container[str], today: date | None = None) -> tuple[Suppression, ...]:
    """Those of `plimsoll-checks.toml` and of `[tool.plimsoll.checks]` in pyproject.toml, both in `home`.

    `known` are the ids of checks; `today` is the date in UTC unless given.

    Raises:
        CommandError: a file cannot be read, an id is not known or stands twice, a reason or a date is missing.
    """
    today = today or datetime.now(UTC).date()
    own = _tables(home / FILE)
    tool = _tables(home / "pyproject.toml").get("tool", {})
    plimsoll = tool.get("plimsoll", {}) if isinstance(tool, dict) else {}
    in_project = plimsoll.get("checks", {}) if isinstance(plimsoll, dict) else {}
    if not isinstance(in_project, dict):
        raise CommandError(
            f"'checks' of [tool.plimsoll] in {home / 'pyproject.toml'} is no table. {HOW}\n{IN_PYPROJECT}"
        )
    found = [_read(id_, entry, FILE, known, today) for id_, entry in own.items()]
    found += [_read(id_, entry, "pyproject.toml", known, today) for id_, entry in in_project.items()]
    ids = [item.id for item in found]
    twice = next((id_ for id_ in ids if ids.count(id_) > 1), None)
    if twice:
        raise CommandError(f"{twice} is suppressed in {FILE} and in pyproject.toml: leave one of them.")
    return tuple(found)


def _tables(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} cannot be read: {error}.") from error


def _read(id_: str, entry: object, source: str, known: Container[str], today: date) -> Suppression:
    where = f"The suppression of '{id_}' in {source}"
    if id_ not in known:
        raise CommandError(f"{where} names no check. 'plimsoll check --list' lists them.")
    if id_ in NEVER:
        raise CommandError(f"{where} would hide suppressions that have expired, so it is not possible. Take it out.")
    if not isinstance(entry, dict):
        raise CommandError(f"{where} is no table. {HOW}")
    strange = [key for key in entry if key not in KEYS]
    if strange:
        raise CommandError(f"{where} has '{strange[0]}', which is not one of {', '.join(KEYS)}. {HOW}")
    reason = entry.get("reason")
    if not isinstance(reason, str) or not reason.strip():
        raise CommandError(f"{where} has no reason, so nobody could tell later whether it still holds. {HOW}")
    until = _date(entry.get("until"))
    if until is None:
        raise CommandError(f"{where} has no date until which it holds, so it would hold for ever. {HOW}")
    return Suppression(id_, " ".join(reason.split()), until, source, expired=until < today)


def _date(value: object) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
