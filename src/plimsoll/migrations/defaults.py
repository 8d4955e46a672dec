"""Tells whether two server defaults mean the same: servers write one in their own way when asked for it.

`'it''s'`, `("it's")`, `'0'` for a number, `now()` for CURRENT_TIMESTAMP, `'{}'::jsonb`: text alone tells little.
"""

import re
from collections.abc import Hashable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import Boolean, Column, Float, Integer, Numeric
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

_CAST = r"::\s*[\w\s.\"]+(\([\d\s,]*\))?(\[\])*"
_QUOTED = re.compile(rf"(?:_utf8mb4|E)?'((?:[^']|'')*)'(?:{_CAST})?", re.IGNORECASE)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
"""In an expression MySQL escapes with a backslash; in a literal default it doubles the quote."""
_NOW = re.compile(r"\b(now|current_timestamp|localtimestamp|localtime)\b(\s*\(\s*(\d*)\s*\))?")
_CHARSET = re.compile(r"\b_utf8mb4(?=')")
"""MySQL says of each text in an expression which character set it has."""
_TOKEN = re.compile(r"'(?:[^']|'')*'|\d+(?:\.\d+)?|\w+|[^\s\w()]")
_PARENTHESES = re.compile(r"[()\s]")
_TRUE, _FALSE = {"true", "t", "1", "yes", "y", "on"}, {"false", "f", "0", "no", "n", "off"}
# Words of a cast, which PostgreSQL adds wherever it can.
_CAST_WORDS = {":", "cast", "as", "text", "character", "varying", "regclass", "integer", "bigint", "numeric", "json"}
_CAST_WORDS |= {"jsonb", "interval", "date", "timestamp", "without", "with", "time", "zone", "double", "precision"}
_ALIASES = {"curdate": "current_date", "curtime": "current_time"}


@dataclass(frozen=True, slots=True)
class _Expression:
    """What the server works out for each row; anything else is a literal."""

    words: tuple[str, ...]


def same_default(there: str | None, column: Column[Any], dialect: Dialect) -> bool:
    """Whether the default that the server tells, `there`, is that of the model's `column`."""
    compiler = dialect.ddl_compiler(dialect, None)  # type: ignore[arg-type]
    wanted = compiler.get_column_default_string(column)
    if there == wanted:
        return True
    if wanted is None:
        return _comes_by_itself(column, dialect)
    if there is None:
        # SQLAlchemy reads literals and the current time out of MySQL's description of a table, and no more.
        meaning = _meaning(wanted, column.type)
        return dialect.name == "mysql" and isinstance(meaning, _Expression) and "now" not in meaning.words
    if dialect.name == "mysql" and there.startswith("("):
        there = _ESCAPED.sub(lambda found: "''" if found[1] == "'" else found[1], there)
    return _meaning(there, column.type) == _meaning(wanted, column.type)


def _comes_by_itself(column: Column[Any], dialect: Dialect) -> bool:
    """Old servers of MySQL give the first TIMESTAMP of a table a default that nobody asked for.

    PostgreSQL numbers a primary key with a default.
    """
    if dialect.name == "mysql":
        return column.type.compile(dialect).upper().startswith("TIMESTAMP")
    return column.table is not None and column is column.table.autoincrement_column


def _meaning(sql: str, kind: TypeEngine[Any]) -> Hashable:
    """Equal for equal defaults of a column of this type; for most that are not, different."""
    while isinstance(kind, TypeDecorator):
        kind = kind.impl_instance
    sql = _without_parentheses(sql)
    quoted = _QUOTED.fullmatch(sql)
    text = quoted[1].replace("''", "'") if quoted else sql
    if isinstance(kind, Boolean) and text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    if isinstance(kind, (Numeric, Float, Integer)) and (number := _number(text)) is not None:
        return number
    if quoted:
        return ("text", text)
    return _expression(sql)


def _expression(sql: str) -> _Expression:
    """Its words and literals, sorted: servers move parentheses, spaces and casts about, but not these."""
    sql = _CHARSET.sub("", sql)
    lower = _NOW.sub(lambda found: f" now{found[3] or ''} ", _lower_outside_quotes(sql))
    tokens = [_ALIASES.get(token, token) for token in _TOKEN.findall(lower)]
    return _Expression(tuple(sorted(token for token in tokens if token not in _CAST_WORDS)))


def _lower_outside_quotes(sql: str) -> str:
    parts = re.split(r"('(?:[^']|'')*')", sql)
    return "".join(part if index % 2 else part.lower() for index, part in enumerate(parts))


def _number(text: str) -> Decimal | None:
    """What it is where it is one; MySQL writes -0.5 as `-(0.5)`."""
    try:
        return Decimal(_PARENTHESES.sub("", text))
    except InvalidOperation:
        return None


def _without_parentheses(sql: str) -> str:
    """`((x))` is `x`; `(a) + (b)` stays."""
    sql = sql.strip()
    while sql.startswith("(") and sql.endswith(")") and _balanced(sql[1:-1]):
        sql = sql[1:-1].strip()
    return sql


def _balanced(sql: str) -> bool:
    depth = 0
    for char in re.sub(r"'(?:[^']|'')*'", "", sql):
        depth += (char == "(") - (char == ")")
        if depth < 0:
            return False
    return depth == 0
