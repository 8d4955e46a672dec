"""Says in words what Alembic's comparison found: a line for each difference, for an operator to act on."""

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Column, Enum, ForeignKeyConstraint, Index, UnaryExpression
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import CompileError
from sqlalchemy.types import TypeEngine

Difference = tuple[Any, ...]


def describe(found: Iterable[Any], dialect: Dialect) -> tuple[str, ...]:
    """The lines for what `compare_metadata` returned, in its order."""
    flat = [part for difference in found for part in (difference if isinstance(difference, list) else [difference])]
    changed = _changed(flat)
    # Only PostgreSQL tells the expressions of an index, so that they can be compared.
    with_expressions = dialect.name == "postgresql"
    lines = []
    for difference in flat:
        if _key(difference) not in changed:
            lines.append(_line(difference, dialect))
        elif difference[0].startswith("add") and (with_expressions or not _has_expression(difference[1])):
            lines.append(f"{_name(difference[1])} is not as in the models")
    return tuple(lines)


def _changed(flat: Iterable[Difference]) -> set[tuple[str, ...]]:
    """Keys of what is to be removed and also added: it is there, in another form."""
    removed: set[tuple[str, ...]] = set()
    added: set[tuple[str, ...]] = set()
    for difference in flat:
        key = _key(difference)
        if key is not None:
            (removed if difference[0].startswith("remove") else added).add(key)
    return removed & added


def _key(difference: Difference) -> tuple[str, ...] | None:
    verb, _, what = difference[0].partition("_")
    if verb not in ("add", "remove") or what not in ("index", "constraint", "fk") or difference[1].name is None:
        return None
    return (what, difference[1].table.name, difference[1].name)


def _has_expression(item: Any) -> bool:
    """Whether more than columns, perhaps with a direction, are indexed."""
    return isinstance(item, Index) and not all(isinstance(part, (Column, UnaryExpression)) for part in item.expressions)


def _line(difference: Difference, dialect: Dialect) -> str:
    match difference:
        case ("add_table", table):
            return f"table {table.fullname} is missing"
        case ("add_column", schema, table, column):
            return f"column {_place(schema, table, column.name)} ({_type(column.type, dialect)}) is missing"
        case ("remove_column", schema, table, column):
            return f"column {_place(schema, table, column.name)} is not in the models"
        case ("add_index" | "add_constraint" | "add_fk", item):
            return f"{_name(item)} is missing"
        case ("remove_index" | "remove_constraint" | "remove_fk", item):
            return f"{_name(item)} is not in the models"
        case (str(kind), schema, table, column, _, there, wanted) if kind in _PROPERTIES:
            verb, show = _PROPERTIES[kind]
            words = f"{verb}{show(there, dialect)}, the models say {show(wanted, dialect)}"
            return f"column {_place(schema, table, column)} {words}"
    return f"{difference[0]}: {', '.join(str(detail) for detail in difference[1:])}"


def _place(schema: str | None, table: str, column: str) -> str:
    return ".".join(part for part in (schema, table, column) if part)


def _name(item: Any) -> str:
    """What an index or a constraint is called; one without a name is known by its columns."""
    kind = "index" if isinstance(item, Index) else "constraint"
    kind = "foreign key" if isinstance(item, ForeignKeyConstraint) else kind
    if item.name is not None:
        return f"{kind} {item.name} on {item.table.fullname}"
    columns = ", ".join(column.name for column in getattr(item, "columns", ()))
    return f"{kind} on {item.table.fullname} ({columns})"


def _type(kind: TypeEngine[Any], dialect: Dialect) -> str:
    """The type as the server would write it, the values of an enumeration instead of its name."""
    if isinstance(kind, Enum):
        return f"ENUM({', '.join(kind.enums)})"
    try:
        return kind.compile(dialect)
    except CompileError:
        return str(kind)


def _nullable(nullable: bool, _dialect: Dialect) -> str:
    return "NULL" if nullable else "NOT NULL"


def _default(default: Any, _dialect: Dialect) -> str:
    argument = getattr(default, "arg", None)
    return "none" if default is None else str(default if argument is None else argument)


def _comment(comment: str | None, _dialect: Dialect) -> str:
    return repr(comment)


_PROPERTIES: dict[str, tuple[str, Callable[[Any, Dialect], str]]] = {
    "modify_type": ("is ", _type),
    "modify_nullable": ("is ", _nullable),
    "modify_default": ("has the default ", _default),
    "modify_comment": ("has the comment ", _comment),
}
