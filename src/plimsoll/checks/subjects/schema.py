"""PL11x: the schema is the one that the release was written for."""

from plimsoll.checks.check import Check
from plimsoll.checks.facts import Facts, SchemaFacts
from plimsoll.checks.verdict import Change, Found, IrrelevantError, Level, NotApplicable, Passed, UnknownError, Verdict
from plimsoll.engine import is_in_memory

SHOWN = 10
"""Differences that are shown; 'plimsoll migrate --check' lists all."""

MIGRATE = "plimsoll migrate"
NEW_REVISION = Change("shell", f'alembic revision --autogenerate -m "as the models"\n{MIGRATE}')
TAGS = frozenset({"schema"})


def _at_head(facts: Facts) -> Verdict:
    schema = _migrated(facts)
    if schema.unknown:
        return Found(schema.state, "Deploy the code that has this revision, or a newer one.", level=Level.CRITICAL)
    if not schema.pending:
        return Passed(schema.state)
    numbers = {"pending": float(schema.pending)}
    if schema.unadopted:
        adopt = Change("shell", f"{MIGRATE} --adopt")
        return Found(
            f"{schema.state}; the models' tables are there all the same",
            "Take the tables over, where they equal the models.",
            (adopt,),
            numbers=numbers,
        )
    return Found(
        schema.state,
        "Run them before the service starts.",
        (Change("shell", MIGRATE),),
        numbers=numbers,
        same_as="PL112" if _missing(schema) else "",
    )


def _as_models(facts: Facts) -> Verdict:
    schema = _migrated(facts)
    if schema.pending or schema.unknown:
        return NotApplicable("the database is not at the newest revision (PL110)")
    found = schema.differences
    if not found:
        return Passed("tables, columns, indexes and keys are as the models say")
    more = f"\nand {len(found) - SHOWN} more: 'plimsoll migrate --check' lists them" if len(found) > SHOWN else ""
    return Found(
        "\n".join(found[:SHOWN]) + more,
        "Write a revision that brings the schema to the models, look it over and run it.",
        (NEW_REVISION,),
        numbers={"differences": len(found)},
        same_as="PL112" if len(found) == len(_missing_of_models(schema)) else "",
    )


def _required(facts: Facts) -> Verdict:
    schema = facts.schema.value
    if schema.required_unread:
        raise UnknownError(schema.required_unread, "See that the name is right: TABLE.COLUMN, or SCHEMA.TABLE.COLUMN.")
    if not schema.required:
        raise IrrelevantError("no column was asked for (--require TABLE.COLUMN)")
    missing = _missing(schema)
    if not missing:
        return Passed(f"there: {', '.join(schema.required)}")
    evidence, numbers = f"not there: {', '.join(missing)}", {"missing": float(len(missing))}
    if schema.pending:
        changes = (Change("shell", MIGRATE),)
        return Found(f"{evidence}; {schema.state}", "Run the migration that makes it.", changes, numbers=numbers)
    if schema.pending is None:
        return Found(evidence, "The application has no migrations: add the column by hand.", numbers=numbers)
    if schema.unknown:
        return Found(evidence, "Deploy the code that the database belongs to (PL110), and look again.", numbers=numbers)
    fix = "No revision is pending: write one that makes it"
    if len(_missing_of_models(schema)) < len(missing):
        return Found(evidence, f"{fix}, if the name is right: the models lack it too.", numbers=numbers)
    return Found(evidence, f"{fix}, look it over and run it.", (NEW_REVISION,), numbers=numbers)


def _missing(schema: SchemaFacts) -> list[str]:
    """Columns that were asked for by name and do not exist."""
    return [name for name, there in schema.required.items() if not there]


def _missing_of_models(schema: SchemaFacts) -> list[str]:
    """Those of them that the models have, as the comparison with the models shows."""
    missing = tuple(f"column {name} (" for name in _missing(schema))
    return [line for line in schema.differences if line.startswith(missing)]


def _migrated(facts: Facts) -> SchemaFacts:
    if not facts.app.value.has_migrations:
        raise IrrelevantError("the application has no migrations")
    if facts.settings.known and is_in_memory(facts.settings.value):
        raise IrrelevantError("the database is in memory: whoever connects finds an empty one")
    return facts.schema.value


CHECKS: tuple[Check, ...] = (
    Check(
        "PL110",
        "Migrations have not been run",
        Level.ERROR,
        TAGS,
        "In production the service refuses to start (DB_PENDING_MIGRATIONS=warn lets it, and queries then fail).",
        """\
The revision in the table `alembic_version` against those in the application's migrations. A revision that the code does
not have means that the database is ahead, as after a roll-back of the code, or belongs to another program: critical.
Tables that were made without migrations are taken over by `plimsoll migrate --adopt`.
""",
        _at_head,
    ),
    Check(
        "PL111",
        "The schema differs from the models",
        Level.ERROR,
        TAGS,
        "Queries fail on what is missing, or keep data otherwise than the code expects.",
        """\
Alembic's comparison of tables, columns, types, defaults, indexes and keys, with differences left out that mean the same
to the server. Tables that the models do not know are left alone. Only made where no revision is pending, since
otherwise it would list what the revisions bring.
""",
        _as_models,
    ),
    Check(
        "PL112",
        "A required column does not exist",
        Level.CRITICAL,
        TAGS,
        "Every query of that table by the release's models fails.",
        """\
The columns named by `--require TABLE.COLUMN`, which may be given several times, are looked for in the database itself,
whatever models and revisions say. Where it is found, PL110 does not say once more that revisions are pending, nor
PL111 that the models have the column.
""",
        _required,
    ),
)
