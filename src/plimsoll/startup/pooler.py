"""A pooler between this process and PostgreSQL: how it lends connections, and what start-up says of it."""

import asyncio
import logging

from sqlalchemy.exc import SQLAlchemyError

from plimsoll.engine import build_engine
from plimsoll.server import see_lending
from plimsoll.server.lending import Lending, lost_a_statement
from plimsoll.settings import DatabaseSettings

logger = logging.getLogger("plimsoll.startup")

LOOK_LIMIT_S = 3.0
"""Longest look at a pooler's mode: one that may have a single connection to the server makes a client wait."""

LENT = (
    "A pooler (PgBouncer or its like) lends each transaction another connection of PostgreSQL (pool_mode = transaction)"
    " and DB_PREPARED_STATEMENTS is on: statements will fail, with 'prepared statement does not exist' or 'already"
    " exists'. Set DB_PREPARED_STATEMENTS=off, or pool_mode = session."
)
_BETWEEN = (
    "a pooler (PgBouncer or its like) is between this process and PostgreSQL: a statement that is given up here may run"
    " on on the server, unless client_connection_check_interval there ends it"
)


async def look_at_pooler(settings: DatabaseSettings) -> tuple[str, bool]:
    """What to say where a pooler is between, and whether it is a warning. Two connections, closed at the end."""
    if settings.prepared_statements and await look_at_lending(settings) == "breaks":
        return LENT, True
    return _BETWEEN, False


async def look_at_lending(settings: DatabaseSettings) -> Lending:
    """What is seen over two connections of its own, closed at the end. Raises nothing of the database's."""
    engine = build_engine(settings, pooled=False, prepared=settings.prepared_statements)
    try:
        async with asyncio.timeout(LOOK_LIMIT_S), engine.connect() as first, engine.connect() as second:
            return await see_lending(first, second)
    except (SQLAlchemyError, TimeoutError) as error:
        logger.debug("the pooler's mode could not be looked at", exc_info=True)
        return "breaks" if lost_a_statement(error) else "unseen"
    finally:
        await engine.dispose()
