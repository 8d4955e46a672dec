"""Development makes missing tables and never alters one: whether those that were there are as in the models."""

import logging

from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncEngine

from plimsoll.migrations.comparison import differences

logger = logging.getLogger("plimsoll.startup")

COMPARED_TABLES = 100
"""Development compares the schema with at most so many models: 0.3 s with SQLite, 0.7 s with PostgreSQL. 500 would
take up to 3 s at each start; `plimsoll migrate --check` compares any number."""

SHOWN_DIFFERENCES = 3
"""Of the differences so many are in the warning."""


async def schema_warning(engine: AsyncEngine, metadata: MetaData, *, by_revision: bool) -> str:
    """How the tables differ from the models, so that queries would fail on them, and what to do; empty where they do
    not, or where it is not known. `by_revision` says that migrations have made them."""
    if len(metadata.tables) > COMPARED_TABLES:
        return ""
    try:
        async with engine.connect() as connection:
            found = await connection.run_sync(differences, metadata)
    except Exception:
        # Only a help: where a schema cannot be compared, the service works or says itself what is wrong.
        logger.debug("the schema was not compared with the models", exc_info=True)
        return ""
    if not found:
        return ""
    more = f"; and {len(found) - SHOWN_DIFFERENCES} more" if len(found) > SHOWN_DIFFERENCES else ""
    advice = "Write a revision (alembic revision --autogenerate -m WORDS) and run 'plimsoll migrate'"
    if not by_revision:
        advice = "Change the tables by hand, or start with an empty database"
    return (
        f"The schema differs from the models ({'; '.join(found[:SHOWN_DIFFERENCES])}{more}): development adds missing "
        f"tables and never alters one. {advice}."
    )
