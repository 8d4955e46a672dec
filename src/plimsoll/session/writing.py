"""Tells from its text whether a statement changes anything, and watches an engine's statements for sessions.

The text is what goes to the driver, so every way is seen: objects, ORM statements, Core, `text()`, and what is
executed on the session's connection. What a stored procedure does, or a raw driver cursor, is not.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

_COMMENTS = re.compile(r"--[^\n]*|#[^\n]*|/\*.*?\*/", re.DOTALL)
_TEXTS = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`", re.DOTALL)
"""Texts and quoted names: no word in them means anything."""

_LOCKING = re.compile(r"\bfor\s+(?:no\s+key\s+)?update\b", re.IGNORECASE)
"""A locking read is a read."""

_WRITES = re.compile(
    r"[\s(]*(?:(?:insert|update|delete|replace|merge|truncate|create|alter|drop|rename|grant|revoke|load|copy)\b"
    r"|with\b.*\b(?:insert\s+into|update\s+\w+|delete\s+from|merge\s+into)\b)",
    re.IGNORECASE | re.DOTALL,
)


@lru_cache(maxsize=2048)
def writes(statement: str) -> bool:
    """Whether a statement, by its words, changes data or the schema."""
    bare = _LOCKING.sub(" ", _COMMENTS.sub(" ", _TEXTS.sub(" x ", statement)))
    return _WRITES.match(bare) is not None


_OWNER = "_plimsoll_about_to_write"
"""The attribute of a SQLAlchemy connection with what is called before a statement that writes on it."""


def own(connection: Connection, about_to_write: Callable[[], None] | None) -> None:
    """From now on `connection` works for one owner, who is called back before each of its statements that writes; or
    for none."""
    setattr(connection, _OWNER, about_to_write)


def watch(engine: AsyncEngine) -> None:
    """Look at each statement of an engine.

    The functions of its dialect are wrapped. A listener for `before_cursor_execute` would hear the same, but with one,
    SQLAlchemy prepares all events of every connection of the engine, at each checkout.
    """
    dialect = engine.dialect
    for name in ("do_execute", "do_executemany", "do_execute_no_params"):
        setattr(dialect, name, _watched(getattr(dialect, name)))


def _watched(execute: Callable[..., Any]) -> Callable[..., Any]:
    def watched(cursor: Any, statement: str, *rest: Any, **named: Any) -> Any:
        if writes(statement):
            context = named.get("context", rest[-1] if rest else None)
            about_to_write = getattr(getattr(context, "root_connection", None), _OWNER, None)
            if about_to_write is not None:
                about_to_write()
        return execute(cursor, statement, *rest, **named)

    return watched
