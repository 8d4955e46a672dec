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
from plimsoll.server.words import words_of
from plimsoll.settings import DatabaseSettings

Result = TypeVar("Result")


def database_of(context: typer.Context) -> Database:
    """The database of the application that the options name."""
    named: Named = context.obj
    return named.demand().load()[0]


def run(
    database: Database,
    work: Callable[[AsyncEngine], Awaitable[Result]],
    *,
    new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> Result:
    """The result of `work` on an unpooled engine, whose connections end with their use; in asyncio's own event loop, or
    in one that `new_loop` makes.

    Raises:
        DatabaseUnavailableError: the database cannot be reached, or answers with an error.
        DatabaseRefusedError: it does not let this account in, or not do what was asked.
    """
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(_run(database, work))


async def _run(database: Database, work: Callable[[AsyncEngine], Awaitable[Result]]) -> Result:
    engine = build_engine(database.settings, pooled=False)
    try:
        return await work(engine)
    except SQLAlchemyError as error:
        raise explained(error, database.settings) from error
    finally:
        await engine.dispose()
        await database.close()


def explained(error: SQLAlchemyError, settings: DatabaseSettings) -> DatabaseUnavailableError:
    """The server's words and what to do, without the statement."""
    where = f"The database at {settings.safe_url}"
    words = words_of(error)
    fault = fault_of(error, settings.dialect)
    if fault is Fault.REFUSED:
        return DatabaseRefusedError(
            f"{where} refused: {words}. Check the user, the password and the "
            "database's name: 'plimsoll settings' shows where each was read."
        )
    if fault is Fault.BUSY:
        return DatabaseUnavailableError(
            f"{where} could not be used: {words}. The server runs, but a limit of it is reached or somebody is in the "
            "way: try again in a moment, or look who is connected (SHOW PROCESSLIST; pg_stat_activity)."
        )
    if fault is Fault.UNAVAILABLE:
        return DatabaseUnavailableError(
            f"{where} could not be used: {words}. Check that the server runs and is reached from here."
        )
    return DatabaseUnavailableError(f"{where} answered with an error: {words}.")
