"""Says in words what Alembic's comparison found."""

from typing import Any

_WORDS = {
    "add_table": "table {0.name} is missing",
    "remove_table": "table {0.name} is not in the models",
    "add_column": "column {1}.{2.name} ({2.type}) is missing",
    "remove_column": "column {1}.{2.name} is not in the models",
    "add_index": "index {0.name} on {0.table.name} is missing",
    "remove_index": "index {0.name} on {0.table.name} is not in the models",
    "add_constraint": "constraint {0.name} on {0.table.name} is missing",
    "remove_constraint": "constraint {0.name} on {0.table.name} is not in the models",
    "add_fk": "foreign key {0.name} on {0.parent.name} is missing",
    "remove_fk": "foreign key {0.name} on {0.parent.name} is not in the models",
    "modify_type": "column {1}.{2} is {4}, the models say {5}",
    "modify_nullable": "column {1}.{2} has nullable={4}, the models say nullable={5}",
    "modify_default": "column {1}.{2} has another default than the models say",
    "modify_comment": "column {1}.{2} has another comment than the models say",
}


def describe(difference: Any) -> str:
    """One line for one difference: a tuple `(kind, ...)`, or a list of them for one column."""
    if isinstance(difference, list):
        return "; ".join(describe(part) for part in difference)
    kind, *details = difference
    words = _WORDS.get(kind)
    return words.format(*details) if words else f"{kind}: {', '.join(str(detail) for detail in details)}"
