"""The service with routes for tests, to run by `uvicorn tests.backend.served:app`: sessions as the operator's note
takes them, and how many connections are in use."""

from typing import Annotated

from fastapi import Depends
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import AsyncSessionLocal, database, get_session
from app.main import app
from app.models import Account

__all__ = ["app"]

COUNT = select(func.count()).select_from(Account)


@app.get("/note/route")
async def count_in_a_route(session: Annotated[AsyncSession, Depends(get_session)]) -> int:
    """Count the accounts with the session of the request, which FastAPI ends after the response."""
    return (await session.scalars(COUNT)).one()


@app.get("/note/block")
async def count_in_a_block() -> int:
    """Count the accounts with a session of our own."""
    async with AsyncSessionLocal() as session:
        return (await session.scalars(COUNT)).one()


@app.get("/note/failing-block")
async def fail_in_a_block() -> int:
    """Add an account, then fail before the commit."""
    async with AsyncSessionLocal() as session:
        session.add(Account(email="lost@people.example.in", name="Lost", password_hash="!", role="user"))
        await session.flush()
        raise LookupError("after the flush")


@app.get("/checked-out")
async def checked_out() -> int:
    """Return how many connections of the pool are in use."""
    return database.engine.pool.checkedout()  # type: ignore[attr-defined,no-any-return]
