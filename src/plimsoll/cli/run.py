"""Runs a command's asynchronous part on the application's database, and closes the database after it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import typer
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from plimsoll.cli.target import Named
from plimsoll.database import Database
from plimsoll.engine import build_engine
from plimsoll.errors import DatabaseRefusedError, DatabaseUnavailableError
from plimsoll.server import Fault, fault_of

Result = TypeVar("Result")


def database_of(context: typer.Context) -> Database:
    """The database of the application that the options name."""
    named: Named = context.obj
    return named.demand().load()[0]


def run(database: Database, work: Callable[[AsyncEngine], Awaitable[Result]]) -> Result:
    """The result of `work` on an unpooled engine, whose connections end with their use.

    Raises:
        DatabaseUnavailableError: the database cannot be reached or refuses the account.
    """
    return asyncio.run(_run(database, work))


async def _run(database: Database, work: Callable[[AsyncEngine], Awaitable[Result]]) -> Result:
    engine = build_engine(database.settings, pooled=False)
    try:
        return await work(engine)
    except SQLAlchemyError as error:
        raise _explained(error, database) from error
    finally:
        await engine.dispose()
        await database.close()


def _explained(error: SQLAlchemyError, database: Database) -> Exception:
    """An error with the server's words and what to do, where it is about reaching the database."""
    fault = fault_of(error, database.settings.dialect)
    words = str(getattr(error, "orig", None) or error)
    if fault is Fault.REFUSED:
        return DatabaseRefusedError(
            f"The database at {database.settings.safe_url} refused: {words}. Check the user, the password and the "
            "database's name: 'plimsoll settings' shows where each was read."
        )
    if fault in (Fault.UNAVAILABLE, Fault.BUSY):
        return DatabaseUnavailableError(
            f"The database at {database.settings.safe_url} could not be used: {words}. "
            "Check that the server runs and is reached from here."
        )
    return error
