"""The form of a statement: its text without a value in it, so that it can be shown, kept and counted.

Where the dialects, or the modes of one server, would read a text differently, all that follows is left out: a form may
say too little, and never holds what stood in quotes, a number or a comment."""

import re
from collections.abc import Callable

LONGEST = 200_000
"""Characters of a statement that are read: ten thousand parameters, in some 10 ms."""

LONGEST_FORM = 20_000
"""Characters of a form that are compared; longer ones differ in their beginning or not at all."""

_BODY = r"(?:[^{quote}\\]++|\\\\|\\[^{quote}\\]|{quote}{quote})*+"
"""What stands between quotes, as all dialects read it. A quote after an odd number of backslashes ends the string for
some and not for others: then this does not fit, and the rest of the statement is left out."""

_STRING = r"(?:[benx]|u&|_\w+\s*+)?'" + _BODY.format(quote="'") + "'"
_IN_DOUBLE_QUOTES = '"' + _BODY.format(quote='"') + '"'
_NUMBER = r"0x[\da-f_]++|0[bo][\d_]++|\d[\d_]*+(?:\.[\d_]*+)?(?:e[-+]?\d++)?|\.\d++(?:e[-+]?\d++)?"
_PLACEHOLDER = r"\?\d*+|%s\b|%\([^()]*+\)s|\$\d++|(?<!:):[^\W\d]\w*+"
_CAST = (
    r"(?:\s*+::\s*+[^\W\d][\w.]*+(?:\s++(?:precision|varying))?(?:\(\d++(?:\s*+,\s*+\d++)?\))?"
    r"(?:\s++with(?:out)?\s++time\s++zone)?(?:\[\])*+)*+"
)
_BLOCK_COMMENT = r"/\*(?:[^*/]++|\*(?!/)|/(?!\*))*+\*/"
_WORD = r"[a-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*+"
"""For servers any character beyond ASCII is one of a name."""
_WORDS = rf"{_WORD}(?:[\s.,=]++{_WORD}(?!'))*+"
"""As many as there are in a row: each step of Python's takes longer than this."""

_MORE_ROWS = re.compile(r"(\((?:[^()]|\([^()]*+\))*+\))(?:\s*+,\s*+\1)+")
"""Rows of one form, one after the other, as of an INSERT of many."""
_SIGN = re.compile(r"(?<=[(=<>,])(\s*+)[-+]\s*+(?=\?)")

_NAMED = re.compile(r"\b(?:join|into|update|table|(?<!distinct )from)\s+$", re.IGNORECASE)


def _form(*, comment: str, kept: str, literal: str, other: str, rest: str) -> re.Pattern[str]:
    """Of one dialect: its comments, names in quotes, more literals, what is looked at closer, and where it cannot be
    told how to read on."""
    item = f"(?:{_STRING}|{literal}|{_PLACEHOLDER}|{_NUMBER}){_CAST}"
    items = f"{item}(?:\\s*+,\\s*+[-+]?{item})*+"
    row = rf"\(\s*+[-+]?{items}\s*+\)"
    return re.compile(
        rf"(?P<gone>{comment})|(?P<rows>{row}(?:\s*+,\s*+{row})*+)|(?P<items>{items})|{other}"
        rf"|(?P<kept>{kept}|{_WORDS})|(?P<rest>(?:['\"]|/\*|{rest}).*+)",
        re.IGNORECASE | re.DOTALL | re.ASCII,
    )


_NOTHING = r"(?!)"

_BACKTICKS = r"`(?:[^`]|``)*+`"

_FORMS = {
    "mysql": _form(
        # What stands in /*! ... */ is carried out, and may have quotes in it that hide its end.
        comment=rf"--(?=\s|\Z)[^\n]*+|\#[^\n]*+|(?!/\*m?!){_BLOCK_COMMENT}",
        kept=_BACKTICKS,
        literal=_IN_DOUBLE_QUOTES,
        other=_NOTHING,
        rest="`",
    ),
    "postgresql": _form(
        comment=rf"--[^\n]*+|{_BLOCK_COMMENT}",
        kept=r'"(?:[^"]|"")*+"',
        literal=_NOTHING,
        other=r"(?P<dollars>(?P<tag>\$(?:[^\W\d]\w*+)?\$).*?(?P=tag))",
        rest=r"\$(?:[^\W\d]\w*+)?\$",
    ),
    "sqlite": _form(
        comment=rf"--[^\n]*+|{_BLOCK_COMMENT}",
        kept=rf"{_BACKTICKS}|\[[^\]]*+\]",
        literal=_NOTHING,
        other=f"(?P<either>{_IN_DOUBLE_QUOTES})",
        rest=r"`|\[",
    ),
}


def form_of(statement: str, dialect: str) -> str:
    """The form on one line: `?` in the place of a value, of a placeholder, and of a list of them however long; one row
    in the place of many; nothing in the place of a comment. `dialect` is `mysql`, `postgresql` or `sqlite`; what is
    not known is read as the strictest, MySQL's."""
    dialect = "mysql" if dialect not in _FORMS else dialect
    form = _FORMS[dialect].sub(_replacement, statement[:LONGEST])[:LONGEST_FORM]
    form = _SIGN.sub(r"\1", " ".join(form.split()))
    return _MORE_ROWS.sub(r"\1", form)


def _replacement(found: re.Match[str]) -> str:
    return _REPLACEMENTS[found.lastgroup or ""](found)


def _as_it_is(found: re.Match[str]) -> str:
    return found[0]


def _name_or_value(found: re.Match[str]) -> str:
    """SQLite takes what is in double quotes for a string where no column has that name."""
    text, start, end = found.string, found.start(), found.end()
    qualified = text[end : end + 1] == "." or text[start - 1 : start] == "."
    return found[0] if qualified or _NAMED.search(" ".join(text[max(0, start - 40) : start].split()) + " ") else "?"


_REPLACEMENTS: dict[str, Callable[[re.Match[str]], str]] = {
    "gone": lambda _found: " ",
    "rows": lambda _found: "(?)",
    "items": lambda _found: "?",
    "dollars": lambda _found: "?",
    "kept": _as_it_is,
    "either": _name_or_value,
    "rest": lambda _found: "? ...",
}
