"""Words and numbers for a sentence: one line, bounded, whatever a client has put into a name."""

import math
import re
from collections.abc import Sequence

from plimsoll.snapshot.shown import cut

LONGEST_NAME = 80
"""Characters of a route, a client or a place: a longer one is cut, so that the sentence is read to its end."""

LONGEST_QUOTE = 160
"""Characters of a statement, or of the server's own words."""

LONGEST_TEXT = 500
"""Characters of a sentence or an action, whatever is in it."""

LARGEST = 1e15
"""Numbers beyond are no counts, bytes or seconds that a worker can have: they are shown as this."""

UNMATCHED = "unknown"
"""What requests are counted as whose route nobody has found: those refused or failed before it, and wrong paths."""

_LINE = re.compile(r"\.py:\d+")
_CREDENTIALS = re.compile(r"://[^\s/@]*@")
_COLUMNS = re.compile(r"^(SELECT [^,]+,).*? FROM ", re.DOTALL)
_TABLES = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE)\s+([`\"\w][\w.`\"$]*)", re.IGNORECASE)
_SIZES = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
_TIMES = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_ROUND_S = (1, 2, 3, 5, 10, 15, 20, 30, 45, 60, 120, 180, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400)


def plain(text: str, longest: int = LONGEST_NAME) -> str:
    """One line of printable characters, whoever has written them: nothing in it steers a terminal, hides, turns the
    direction of writing, or seems to be told of another."""
    line = " ".join(text[: 8 * longest].split())
    return cut("".join(character if character.isprintable() else "?" for character in line), longest)


def quoted(text: str) -> str:
    """The server's own words: without what stands before the @ of a URL, and the full stop."""
    return plain(_whole(text), LONGEST_QUOTE)


def quoted_statement(text: str) -> str:
    """A statement: where it is too long, its tables and conditions rather than all of its columns."""
    whole = _whole(text)
    return plain(whole if len(whole) <= LONGEST_QUOTE else without_columns(whole), LONGEST_QUOTE)


def without_columns(statement: str) -> str:
    """A SELECT with the first of its columns: what follows them says what it is about."""
    return _COLUMNS.sub(r"\1 … FROM ", statement)


def tables_of(statement: str) -> str:
    """What a statement does and to which tables: `SELECT bookings, venues`. All of it where it names none."""
    tables = dict.fromkeys(name.replace("`", "").replace('"', "") for name in _TABLES.findall(statement))
    verb = statement.split(maxsplit=1)[:1]
    return f"{verb[0].upper()} {', '.join(tables)}" if tables and verb else statement


def _whole(text: str) -> str:
    return plain(_CREDENTIALS.sub("://***@", text[: 8 * LONGEST_QUOTE]), 8 * LONGEST_QUOTE).rstrip(".")


def place(text: str) -> str:
    """A line of code with the directory that it is in: `app/export.py:41 in export`. Its end tells more than its
    beginning."""
    file, _, line = plain(text[-2 * LONGEST_NAME :], 2 * LONGEST_NAME).rpartition(":")
    short = "/".join(file.replace("\\", "/").split("/")[-2:])
    whole = f"{short}:{line}" if file else line
    return whole if len(whole) <= LONGEST_NAME else f"…{whole[1 - LONGEST_NAME :]}"


def owner(text: str) -> str:
    """Who holds a connection: a route, a task, or where neither is known, the line of code that made the session."""
    if text == UNMATCHED:
        return "a route that is not known"
    return place(text) if _LINE.search(text[-LONGEST_NAME:]) and text[:1] in "/\\." else plain(text)


def sane(value: float | None) -> float:
    """A number that can be reckoned with: 0 for what is not known, not a number or below zero."""
    if value is None or value != value or value <= 0:
        return 0.0
    return min(float(value), LARGEST) if value < LARGEST else LARGEST


def counted(number: float, noun: str, many: str = "") -> str:
    """1 connection, 1,200 connections."""
    return f"{sane(number):,.0f} {noun if number == 1 else many or f'{noun}s'}"


def verb(number: float, one: str, many: str) -> str:
    """`one` where the number is 1."""
    return one if number == 1 else many


def size(count: float | None) -> str:
    """512 bytes, 12 MiB, 1.5 GiB."""
    known = sane(count)
    for unit, name in _SIZES:
        if known >= unit:
            return f"{_short(known / unit)} {name}"
    return f"{known:.0f} bytes"


def time(seconds: float | None) -> str:
    """20 ms, 4.1 s, 12 min, 3 d."""
    known = sane(seconds)
    for unit, name in _TIMES:
        if known >= (2 * unit if unit > 1 else unit):
            return f"{_short(known / unit)} {name}"
    return f"{known * 1000:.0f} ms"


def over(seconds: float) -> str:
    """The round time that this surely is beyond: `over 30 s` for 31 to 44."""
    known = sane(seconds)
    passed = [step for step in _ROUND_S if step <= known]
    return f"over {time(passed[-1])}" if passed else f"{known * 1000:.0f} ms"


def percent(part: float, whole: float) -> str:
    """28 %; 0 % of nothing."""
    return f"{100 * sane(part) / sane(whole):.0f} %" if sane(whole) else "0 %"


def listed(parts: Sequence[str]) -> str:
    """a; a and b; a, b and c."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def bounded(text: str) -> str:
    """A whole sentence, of at most `LONGEST_TEXT` characters."""
    return cut(text, LONGEST_TEXT)


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 10 or math.isclose(value, round(value), abs_tol=0.05) else f"{value:.1f}"
