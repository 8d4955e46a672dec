"""Schema changes that are safe to repeat, for the `upgrade()` and `downgrade()` of revisions.

MySQL and MariaDB commit each DDL statement by itself. A migration killed between two of them is run again
from its first line, so each line must also succeed where its work is done already, by that run or by hand.
When SQL is only printed (`plimsoll migrate --plan`) there is no schema to look at, and the plain statement comes out.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from alembic import op
from alembic.operations.ops import CreateTableOp
from sqlalchemy import Column, inspect
from sqlalchemy.engine.reflection import Inspector
from sqlalchemy.schema import SchemaItem

from plimsoll.errors import MigrationError
from plimsoll.server.postgresql import is_invalid_index


def create_table_if_missing(name: str, *items: SchemaItem, **options: Any) -> None:
    """Create a table with its columns and constraints in one statement, unless there is one of that name.

    Indexes (`Index(...)`, `Column(index=True)`) are statements of their own; each is made if it is missing.
    """
    schema = _schema()
    if schema is None or not schema.has_table(name):
        op.create_table(name, *items, **options)
        return
    table = CreateTableOp(name, items, **options).to_table(op.get_context())
    present = _folded(index["name"] for index in schema.get_indexes(name))
    for index in table.indexes:
        if _fold(str(index.name)) not in present:
            op.create_index(index.name, name, list(index.expressions), unique=index.unique, **index.kwargs)


def create_index_if_missing(
    name: str, table: str, columns: Sequence[Any], *, unique: bool = False, **options: Any
) -> None:
    """Create an index, unless the table has one of that name.

    `options` are those of `op.create_index`. A table that is written to meanwhile: see `create_index_online`.
    """
    if not _has_index(table, name):
        op.create_index(name, table, list(columns), unique=unique, **options)


def create_index_online(name: str, table: str, columns: Sequence[Any], *, unique: bool = False, **options: Any) -> None:
    """Create an index while others write to the table, unless it has one of that name.

    PostgreSQL: CONCURRENTLY, which is slower and cannot be inside a transaction: what the revision did before is
    committed first, so give it a revision of its own. One that broke off leaves an index that is not valid; it is
    dropped first. MySQL and MariaDB let others write anyway; SQLite has one writer at a time.
    """
    if op.get_context().dialect.name != "postgresql":
        create_index_if_missing(name, table, columns, unique=unique, **options)
        return
    with op.get_context().autocommit_block():
        if _schema() is not None and is_invalid_index(op.get_bind(), name):
            op.drop_index(name, table_name=table, postgresql_concurrently=True)
        if not _has_index(table, name):
            op.create_index(name, table, list(columns), unique=unique, postgresql_concurrently=True, **options)


def add_column_if_missing(table: str, column: Column[Any]) -> None:
    """Add a column, unless the table has one of that name, for example added by hand.

    What is there is not compared: `plimsoll migrate --check` tells where it is not what the models expect.

    Raises:
        MigrationError: the column has an index or a key with it, which would be a second statement.
    """
    if column.index or column.unique or column.foreign_keys:
        raise MigrationError(
            f"add_column_if_missing({table!r}, Column({column.name!r}, ...)): an index, a unique or a foreign key is a "
            "statement of its own, which a repeated run would leave out. Add the column alone, then use "
            "create_index_if_missing, create_unique_if_missing or create_foreign_key_if_missing."
        )
    if not _has_column(table, column.name):
        op.add_column(table, column)


def create_unique_if_missing(name: str, table: str, columns: Sequence[str]) -> None:
    """Create a unique constraint, unless the table has one of that name. SQLite copies the table for it."""
    if not _has_constraint(table, name):
        with op.batch_alter_table(table) as batch:
            batch.create_unique_constraint(name, list(columns))


def create_foreign_key_if_missing(
    name: str, table: str, referent: str, columns: Sequence[str], referent_columns: Sequence[str], **options: Any
) -> None:
    """Create a foreign key, unless the table has one of that name. SQLite copies the table for it.

    `options` are those of `op.create_foreign_key`, such as `ondelete`.
    """
    if not _has_constraint(table, name):
        with op.batch_alter_table(table) as batch:
            batch.create_foreign_key(name, referent, list(columns), list(referent_columns), **options)


def drop_constraint_if_present(name: str, table: str, kind: str) -> None:
    """Drop a constraint, unless it is gone already. `kind` is `foreignkey`, `unique`, `check` or `primary`."""
    if _schema() is None or _has_constraint(table, name):
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(name, type_=kind)


def drop_column_if_present(table: str, name: str) -> None:
    """Drop a column, unless it is gone already."""
    if _schema() is None or _has_column(table, name):
        with op.batch_alter_table(table) as batch:
            batch.drop_column(name)


def drop_index_if_present(name: str, table: str) -> None:
    """Drop an index, unless it is gone already."""
    if _schema() is None or _has_index(table, name):
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


def _has_column(table: str, name: str) -> bool:
    schema = _schema()
    return schema is not None and _fold(name) in _folded(column["name"] for column in schema.get_columns(table))


def _has_index(table: str, name: str) -> bool:
    schema = _schema()
    return schema is not None and _fold(name) in _folded(index["name"] for index in schema.get_indexes(table))


def _has_constraint(table: str, name: str) -> bool:
    schema = _schema()
    if schema is None:
        return False
    found = [
        *schema.get_unique_constraints(table),
        *schema.get_foreign_keys(table),
        *schema.get_check_constraints(table),
        schema.get_pk_constraint(table),
    ]
    return _fold(name) in _folded(constraint.get("name") for constraint in found)


def _folded(names: Iterable[str | None]) -> set[str]:
    return {_fold(name) for name in names if name is not None}


def _fold(name: str) -> str:
    """Names of columns and indexes differ by more than case in PostgreSQL alone."""
    return name if op.get_context().dialect.name == "postgresql" else name.casefold()
