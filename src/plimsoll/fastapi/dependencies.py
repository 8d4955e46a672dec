"""Session dependencies for routes. All give their connection back before the response is sent."""

from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from plimsoll.fastapi.runtime import of_request, route_name
from plimsoll.session import Purpose


async def get_session(connection: HTTPConnection) -> AsyncGenerator[AsyncSession]:
    """A session for one request; the handler commits. Rolled back on every exception, cancellation included."""
    async with of_request(connection).open(Purpose.HANDLER_COMMITS, route_name(connection)) as session:
        yield session


async def get_transaction(connection: HTTPConnection) -> AsyncGenerator[AsyncSession]:
    """A session that is committed when the handler has returned, before the response starts.

    Raises:
        SessionScopeError: the dependency was declared without `scope="function"`; nothing is committed.
    """
    async with of_request(connection).open(Purpose.COMMIT_AT_END, route_name(connection)) as session:
        yield session


async def get_read_session(connection: HTTPConnection) -> AsyncGenerator[AsyncSession]:
    """A session that refuses to write."""
    async with of_request(connection).open(Purpose.READ, route_name(connection)) as session:
        yield session


def _integrity_is_conflict(connection: HTTPConnection) -> None:
    of_request(connection).integrity_is_conflict = True


SessionDep = Annotated[AsyncSession, Depends(get_session, scope="function")]
"""For routes that write: `await session.commit()` before returning, so that 200 means committed."""

TransactionDep = Annotated[AsyncSession, Depends(get_transaction, scope="function")]
"""For routes that are one transaction: committed at the handler's return; where that fails, the client sees it."""

ReadSessionDep = Annotated[AsyncSession, Depends(get_read_session, scope="function")]
"""For routes that only read: a flush or a writing statement is refused with an error that names the route."""

IntegrityConflict = Depends(_integrity_is_conflict)
"""In a route's `dependencies=[...]`: a violated constraint is the client's conflict and answered 409, not 500."""
