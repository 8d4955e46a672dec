"""What a project's Alembic `env.py` runs: on the connection that `plimsoll migrate` hands over, on one of its own
when it is called by `alembic` itself, or without any, to print SQL."""

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from logging.config import fileConfig

from alembic import context
from alembic.config import Config
from sqlalchemy import Connection, MetaData
from sqlalchemy.engine import Dialect

from plimsoll.engine import build_engine
from plimsoll.migrations.comparison import options, prepare
from plimsoll.migrations.locking import Limits, locked
from plimsoll.settings import DatabaseSettings

CONNECTION = "connection"
"""Key of Alembic's `Config.attributes` under which the connection is handed over."""

DIALECT = "dialect"
"""The same for the dialect of the server, where SQL is only printed."""

REACHED = "run_env"
"""Key that `run_env` sets there, so that what fails before it is known as env.py's own failure."""


def run_env(target_metadata: MetaData, settings: Callable[[], DatabaseSettings] = DatabaseSettings.from_env) -> None:
    """Run the migrations that Alembic was asked for. The whole body of a project's `env.py`.

    `settings` is called under plain `alembic`, which knows no application: for the database that the environment
    and `.env` name, unless you pass another function.
    """
    config = context.config
    config.attributes[REACHED] = True
    _set_up_logging(config)
    if context.is_offline_mode():
        _print_sql(target_metadata, config.attributes.get(DIALECT) or settings().dialect)
    elif (connection := config.attributes.get(CONNECTION)) is not None:
        _run_on(connection, target_metadata)
    else:
        asyncio.run(_run_alone(target_metadata, settings()))


def _print_sql(target_metadata: MetaData, dialect: Dialect | str) -> None:
    context.configure(
        dialect_name=dialect if isinstance(dialect, str) else dialect.name,
        literal_binds=True,
        # With a driver's own style a "%" in a statement would be printed twice.
        dialect_opts={"paramstyle": "named"},
        transaction_per_migration=True,
        **options(target_metadata),
    )
    for fact in ("server_version_info", "is_mariadb"):
        # Some statements are written differently for an older server.
        if hasattr(dialect, fact):
            setattr(context.get_context().dialect, fact, getattr(dialect, fact))
    with context.begin_transaction():
        context.run_migrations()


def _run_on(connection: Connection, target_metadata: MetaData) -> None:
    context.configure(connection=connection, transaction_per_migration=True, **options(target_metadata))
    found = context.get_context()
    prepare(found)
    if connection.dialect.name == "sqlite":
        # The open transaction is the lock, and SQLite has no statement that needs to be outside of one.
        found.autocommit_block = nullcontext  # type: ignore[method-assign,assignment]
    with context.begin_transaction():
        context.run_migrations()


async def _run_alone(target_metadata: MetaData, settings: DatabaseSettings) -> None:
    engine = build_engine(settings, pooled=False)
    limits = Limits(settings.migration_lock_timeout_s, settings.lock_wait_timeout_s)
    try:
        async with locked(engine, limits) as connection:
            await connection.run_sync(_run_on, target_metadata)
    finally:
        await engine.dispose()


def _set_up_logging(config: Config) -> None:
    """As Alembic's own template does, where there is an alembic.ini that says how."""
    if config.config_file_name is not None and config.file_config.has_section("loggers"):
        fileConfig(config.config_file_name, disable_existing_loggers=False)
