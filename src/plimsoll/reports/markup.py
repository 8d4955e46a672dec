"""HTML in which every text is escaped unless it was made here."""

import html
from collections.abc import Iterable, Sequence

from plimsoll.snapshot.causes.wording import without_columns
from plimsoll.snapshot.shown import shown

LONGEST = 2_000

BRIEF = 120
"""Characters of a cell; the rest of a longer text is unfolded, so that a table can be looked over."""

SHORT = 14
"""Characters of a cell that stays in one line."""


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def safe(value: object) -> Html:
    """A value as HTML: characters with a meaning in it escaped, and such as are not printable shown as escapes."""
    return value if isinstance(value, Html) else Html(html.escape(shown(str(value), LONGEST)))


def tag(name: str, *inside: object, **attributes: str) -> Html:
    """An element. `class_` is the attribute `class`, `aria_label` is `aria-label`."""
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{safe(value)}"' for key, value in attributes.items())
    return Html(f"<{name}{given}>{''.join(safe(each) for each in inside)}</{name}>")


def join(parts: Iterable[Html]) -> Html:
    """One after another."""
    return Html("".join(parts))


def table(label: str, heads: Sequence[str], rows: Sequence[Sequence[object]], nothing: str) -> Html:
    """Rows under heads, in a frame that scrolls on a narrow screen; the words of `nothing` where there are none."""
    if not rows:
        return tag("p", nothing, class_="nothing")
    head = tag("thead", tag("tr", *(tag("th", each, scope="col") for each in heads)))
    body = tag("tbody", *(tag("tr", *map(_cell, row)) for row in rows))
    return tag("div", tag("table", head, body), class_="wide", role="region", aria_label=label, tabindex="0")


def _cell(value: object) -> Html:
    """A short one, such as a duration, is not broken up."""
    return tag("td", value, class_="short") if len(str(value)) <= SHORT else tag("td", value)


def pairs(rows: Iterable[tuple[str, object]]) -> Html:
    """Names and what they have."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in rows))


def folded(summary: object, *inside: object) -> Html:
    """What is shown when its summary is opened."""
    return tag("details", tag("summary", summary), *inside)


def brief(text: str) -> object:
    """A statement: of a long one its tables and conditions rather than all of its columns."""
    if len(text) <= BRIEF:
        return text
    summary = without_columns(text)
    return folded(summary if len(summary) <= BRIEF else f"{summary[: BRIEF - 1].rstrip()}…", tag("p", text))


def stack(lines: Sequence[str]) -> Html:
    """Lines of code, innermost first."""
    return tag("pre", Html("\n".join(safe(line) for line in lines)))
