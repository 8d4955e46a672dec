"""Compares the schema with the models: Alembic's comparison, with the differences left out that are none."""

import logging
import warnings
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.environment import NameFilterParentNames, NameFilterType
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Connection, DateTime, Double, Enum, Float, MetaData, Time
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeDecorator, TypeEngine

from plimsoll.migrations.defaults import same_default
from plimsoll.migrations.describe import describe

logger = logging.getLogger("plimsoll.migrations")

FLOAT_BITS = 24
"""MySQL makes a DOUBLE of a FLOAT with more bits than this."""


def options(target_metadata: MetaData) -> dict[str, Any]:
    """Options that running, comparing and autogenerating share, so that they see the same schema."""
    schemas = {table.schema for table in target_metadata.tables.values()}

    def include_name(name: str | None, kind: NameFilterType, _parents: NameFilterParentNames) -> bool:
        return kind != "schema" or name in schemas

    return {
        "target_metadata": target_metadata,
        "compare_type": _type_differs,
        "compare_server_default": True,
        "render_as_batch": True,  # SQLite alters most things by copying the table; elsewhere it changes nothing
        "include_object": _is_ours,
        "include_schemas": bool(schemas - {None}),
        "include_name": include_name,
    }


def prepare(context: MigrationContext) -> None:
    """Have `context` compare server defaults by what they mean; its own way stumbles over JSON and quotes.

    The option `compare_server_default` takes a function too, but Alembic fails with one on a computed column.
    """

    def differs(_there: Column[Any], column: Column[Any], _wanted: str | None, there: str | None) -> bool:
        return not same_default(there, column, context.dialect)

    context.impl.compare_server_default = differs  # type: ignore[method-assign]


def differences(connection: Connection, metadata: MetaData) -> tuple[str, ...]:
    """Where the schema is not what the models expect, a line each. Tables the models do not know are left out."""
    context = MigrationContext.configure(connection, opts=options(metadata))
    prepare(context)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = compare_metadata(context, metadata)
    for words in dict.fromkeys(str(warning.message) for warning in caught):
        logger.info("not compared: %s", words)
    return describe(found, connection.dialect)


def _is_ours(item: SchemaItem, _name: str | None, kind: NameFilterType, reflected: bool, other: Any) -> bool:
    """Leave tables alone that the models do not know: a database on shared hosting serves other programs too."""
    return not (kind == "table" and reflected and other is None)


def _type_differs(
    context: MigrationContext,
    _there: Column[Any],
    _wanted: Column[Any],
    there: TypeEngine[Any],
    wanted: TypeEngine[Any],
) -> bool | None:
    """What Alembic does not see or sees wrongly; None leaves the answer to it."""
    wanted = wanted.dialect_impl(context.dialect)
    while isinstance(wanted, TypeDecorator):
        wanted = wanted.impl_instance
    if isinstance(there, postgresql.ENUM) and isinstance(wanted, Enum):
        return True if set(there.enums) != set(wanted.enums) else None
    if isinstance(there, Double) and isinstance(wanted, Float) and context.dialect.name == "mysql":
        return False if (wanted.precision or 0) > FLOAT_BITS else None
    if isinstance(there, (mysql.DATETIME, mysql.TIMESTAMP, mysql.TIME)) and isinstance(wanted, (DateTime, Time)):
        # Digits of a second's fraction: a type without them keeps whole seconds.
        return True if (there.fsp or 0) != (getattr(wanted, "fsp", None) or 0) else None
    return None
