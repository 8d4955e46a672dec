"""Keyset pages: every list is read in bounded steps that cost the same at its end as at its start."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, Field
from sqlalchemy import Row, Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

T = TypeVar("T")
DEFAULT_LIMIT, MAX_LIMIT = 20, 100
KEY_BYTES = 8
# Eight bytes are eleven characters of base64, and any eleven characters are some key: no cursor is malformed.
CURSOR_PATTERN = "^[A-Za-z0-9_-]{11}$"


class Page(BaseModel, Generic[T]):
    """A part of a list."""

    items: list[T]
    next: str | None = Field(description="The `cursor` of the next page; null on the last one.")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which part of a list is asked for: what comes after `after`, at most `limit` rows."""

    after: int | None
    limit: int


def _page_request(
    cursor: Annotated[str | None, Query(pattern=CURSOR_PATTERN, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
) -> PageRequest:
    return PageRequest(None if cursor is None else read_cursor(cursor), limit)


Paging = Annotated[PageRequest, Depends(_page_request)]


def make_cursor(key: int) -> str:
    """Return the opaque form of the last key that a client has seen."""
    return base64.urlsafe_b64encode(key.to_bytes(KEY_BYTES, signed=True)).decode().rstrip("=")


def read_cursor(cursor: str) -> int:
    """Return the key in a cursor of eleven base64 characters."""
    return int.from_bytes(base64.urlsafe_b64decode(cursor + "="), signed=True)


async def fetch_page(
    session: AsyncSession,
    query: Select[Any],
    key: InstrumentedAttribute[int],
    page: PageRequest,
    *,
    descending: bool = False,
) -> tuple[Sequence[Row[Any]], str | None]:
    """Return the page's rows and the cursor of the next page. `key` is unique and says the order.

    The rows have the key as an additional last column, and one row more than the limit is read to know
    whether there is a next page.
    """
    if page.after is not None:
        query = query.where(key < page.after if descending else key > page.after)
    ordered = query.add_columns(key).order_by(key.desc() if descending else key).limit(page.limit + 1)
    rows = (await session.execute(ordered)).all()
    shown = rows[: page.limit]
    return shown, make_cursor(shown[-1][-1]) if len(rows) > page.limit else None
