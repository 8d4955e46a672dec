"""Learns where the schema stands against migrations and models, and which columns there are, by reading only."""

from collections.abc import Sequence

from sqlalchemy import Connection, inspect
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.ext.asyncio import AsyncEngine

from plimsoll.checks.facts import SchemaFacts
from plimsoll.migrations import Migrations
from plimsoll.server.words import words_of
from plimsoll.settings.redaction import hide_within


async def read_schema(
    engine: AsyncEngine, migrations: Migrations | None, asked: Sequence[str], secrets: Sequence[str]
) -> SchemaFacts:
    """Against migrations, where there are any. `asked` are `table.column`; `secrets` are cut out of errors' words."""
    required, unread = await _required(engine, asked, secrets)
    if migrations is None:
        return SchemaFacts((), (), None, required=required, required_unread=unread)
    async with engine.connect() as connection:
        state = await migrations.scripts.state(connection)
    unadopted = bool(state.missing) and not state.current and await migrations.has_tables(engine)
    settled = not state.missing and not state.unknown
    return SchemaFacts(
        current=state.current,
        head=migrations.scripts.heads(),
        pending=len(state.missing),
        differences=await migrations.differences(engine) if settled else (),
        required=required,
        required_unread=unread,
        state=state.describe(),
        unknown=state.unknown,
        unadopted=unadopted,
    )


async def _required(engine: AsyncEngine, asked: Sequence[str], secrets: Sequence[str]) -> tuple[dict[str, bool], str]:
    """Which columns there are of those that were asked for; else why that is not known: a name that somebody typed
    tells nothing of the rest of the schema."""
    if not asked:
        return {}, ""
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_exist, asked), ""
    except Exception as error:  # noqa: BLE001 - drivers raise what they like
        return {}, f"{', '.join(asked)} could not be looked for: {hide_within(words_of(error), list(secrets))}"


def _exist(connection: Connection, names: Sequence[str]) -> dict[str, bool]:
    """Whether each `table.column`, or `schema.table.column`, is there."""
    inspector, found = inspect(connection), {}
    for name in names:
        *schema, table, column = name.split(".")
        try:
            columns = inspector.get_columns(table, schema=".".join(schema) or None)
        except NoSuchTableError:
            columns = []
        found[name] = any(each["name"].lower() == column.lower() for each in columns)
    return found
