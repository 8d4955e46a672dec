"""Schema changes that are safe to repeat, for the `upgrade()` and `downgrade()` of revisions.

MySQL and MariaDB commit each DDL statement by itself. A migration killed between two of them is run again
from its first line, so each line must also succeed where its work is done already, by that run or by hand.
When SQL is only printed (`plimsoll migrate --plan`) there is no schema to look at, and the plain statement comes out.
"""

from collections.abc import Sequence
from typing import Any

from alembic import op
from sqlalchemy import Column, inspect
from sqlalchemy.engine.reflection import Inspector
from sqlalchemy.schema import SchemaItem


def create_table_if_missing(name: str, *items: SchemaItem, **options: Any) -> None:
    """Create a table with its columns and constraints in one statement, unless there is one of that name."""
    schema = _schema()
    if schema is None or not schema.has_table(name):
        op.create_table(name, *items, **options)


def create_index_if_missing(name: str, table: str, columns: Sequence[str], *, unique: bool = False) -> None:
    """Create an index, unless the table has one of that name."""
    if name not in _index_names(table):
        op.create_index(name, table, list(columns), unique=unique)


def add_column_if_missing(table: str, column: Column[Any]) -> None:
    """Add a column, unless the table has one of that name, for example added by hand.

    What is there is not compared: `plimsoll migrate --check` tells where it is not what the models expect.
    """
    if column.name not in _column_names(table):
        op.add_column(table, column)


def drop_column_if_present(table: str, name: str) -> None:
    """Drop a column, unless it is gone already."""
    if _schema() is None or name in _column_names(table):
        with op.batch_alter_table(table) as batch:
            batch.drop_column(name)


def drop_index_if_present(name: str, table: str) -> None:
    """Drop an index, unless it is gone already."""
    if _schema() is None or name in _index_names(table):
        op.drop_index(name, table_name=table)


def drop_table_if_present(name: str) -> None:
    """Drop a table, unless it is gone already."""
    schema = _schema()
    if schema is None or schema.has_table(name):
        op.drop_table(name)


def _schema() -> Inspector | None:
    """The schema as it is now; None where SQL is only printed."""
    context = op.get_context()
    return None if context.as_sql or context.connection is None else inspect(context.connection)


def _column_names(table: str) -> set[str]:
    schema = _schema()
    return {column["name"] for column in schema.get_columns(table)} if schema is not None else set()


def _index_names(table: str) -> set[str | None]:
    schema = _schema()
    return {index["name"] for index in schema.get_indexes(table)} if schema is not None else set()
