"""Says in words what Alembic's comparison found: a line for each difference, for an operator to act on."""

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Column, ForeignKeyConstraint, Index, UnaryExpression

Difference = tuple[Any, ...]


def describe(found: Iterable[Any], *, with_expressions: bool) -> tuple[str, ...]:
    """The lines for what `compare_metadata` returned, in its order.

    `with_expressions`: whether the server tells the expressions of an index, so that they can be compared.
    """
    flat = [part for difference in found for part in (difference if isinstance(difference, list) else [difference])]
    changed = _changed(flat)
    lines = []
    for difference in flat:
        key = _key(difference)
        if key not in changed:
            say: Callable[..., str] = _WORDS.get(difference[0], _plainly)
            lines.append(say(*difference))
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


def _name(item: Any) -> str:
    """What an index or a constraint is called; one without a name is known by its columns."""
    kind = "index" if isinstance(item, Index) else "constraint"
    kind = "foreign key" if isinstance(item, ForeignKeyConstraint) else kind
    if item.name is not None:
        return f"{kind} {item.name} on {item.table.name}"
    columns = ", ".join(column.name for column in getattr(item, "columns", ()))
    return f"{kind} on {item.table.name} ({columns})"


def _default(default: Any) -> str:
    argument = getattr(default, "arg", None)
    return "none" if default is None else str(default if argument is None else argument)


def _plainly(kind: str, *details: Any) -> str:
    return f"{kind}: {', '.join(str(detail) for detail in details)}"


_WORDS: dict[str, Callable[..., str]] = {
    "add_table": lambda _, table: f"table {table.name} is missing",
    "add_column": lambda _, schema, table, column: f"column {table}.{column.name} ({column.type}) is missing",
    "remove_column": lambda _, schema, table, column: f"column {table}.{column.name} is not in the models",
    "add_index": lambda _, item: f"{_name(item)} is missing",
    "remove_index": lambda _, item: f"{_name(item)} is not in the models",
    "add_constraint": lambda _, item: f"{_name(item)} is missing",
    "remove_constraint": lambda _, item: f"{_name(item)} is not in the models",
    "add_fk": lambda _, item: f"{_name(item)} is missing",
    "remove_fk": lambda _, item: f"{_name(item)} is not in the models",
    "modify_type": lambda _, schema, table, column, more, there, wanted: (
        f"column {table}.{column} is {there}, the models say {wanted}"
    ),
    "modify_nullable": lambda _, schema, table, column, more, there, wanted: (
        f"column {table}.{column} is {'NULL' if there else 'NOT NULL'}, the models say "
        f"{'NULL' if wanted else 'NOT NULL'}"
    ),
    "modify_default": lambda _, schema, table, column, more, there, wanted: (
        f"column {table}.{column} has the default {_default(there)}, the models say {_default(wanted)}"
    ),
    "modify_comment": lambda _, schema, table, column, more, there, wanted: (
        f"column {table}.{column} has another comment than in the models"
    ),
}
