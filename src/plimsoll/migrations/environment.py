"""What a project's Alembic `env.py` runs: on the connection that `plimsoll migrate` hands over, on one of its own
when it is called by `alembic` itself, or without any, to print SQL."""

import asyncio
from typing import Any

from alembic import context
from alembic.runtime.environment import NameFilterType
from sqlalchemy import Connection, MetaData
from sqlalchemy.schema import SchemaItem

from plimsoll.engine import build_engine
from plimsoll.settings import DatabaseSettings

CONNECTION = "connection"
"""Key of Alembic's `Config.attributes` under which the connection is handed over."""

DIALECT = "dialect"
"""The same for the dialect's name, where SQL is only printed."""


def run_env(target_metadata: MetaData) -> None:
    """Run the migrations that Alembic was asked for. The whole body of a project's `env.py`.

    Under plain `alembic` the database is the one that the environment and `.env` name.
    """
    attributes = context.config.attributes
    if context.is_offline_mode():
        dialect = attributes.get(DIALECT) or DatabaseSettings.from_env().dialect
        context.configure(
            dialect_name=dialect,
            literal_binds=True,
            dialect_opts={"paramstyle": "named"},
            **options(target_metadata),
        )
        with context.begin_transaction():
            context.run_migrations()
    elif (connection := attributes.get(CONNECTION)) is not None:
        _run_on(connection, target_metadata)
    else:
        asyncio.run(_run_alone(target_metadata))


def _run_on(connection: Connection, target_metadata: MetaData) -> None:
    context.configure(connection=connection, transaction_per_migration=True, **options(target_metadata))
    with context.begin_transaction():
        context.run_migrations()


async def _run_alone(target_metadata: MetaData) -> None:
    engine = build_engine(DatabaseSettings.from_env(), pooled=False)
    async with engine.connect() as connection:
        await connection.run_sync(_run_on, target_metadata)
        await connection.commit()
    await engine.dispose()


def options(target_metadata: MetaData) -> dict[str, Any]:
    """Options that running, comparing and autogenerating share, so that they see the same schema."""
    return {
        "target_metadata": target_metadata,
        "compare_type": True,
        "render_as_batch": True,  # SQLite alters most things by copying the table; elsewhere it changes nothing
        "include_object": _is_ours,
    }


def _is_ours(item: SchemaItem, _name: str | None, kind: NameFilterType, reflected: bool, other: Any) -> bool:
    """Leave tables alone that the models do not know: a database on shared hosting serves other programs too."""
    return not (kind == "table" and reflected and other is None)
