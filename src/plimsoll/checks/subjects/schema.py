"""PL11x: the schema is the one that the release was written for."""

from plimsoll.checks.check import Check
from plimsoll.checks.facts import Facts, SchemaFacts
from plimsoll.checks.verdict import Change, Found, IrrelevantError, Level, NotApplicable, Passed, Verdict

SHOWN = 10
"""Differences that are shown; 'plimsoll migrate --check' lists all."""

MIGRATE = "plimsoll migrate"
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
    return Found(schema.state, "Run them before the service starts.", (Change("shell", MIGRATE),), numbers=numbers)


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
        (Change("shell", 'alembic revision --autogenerate -m "as the models"\nplimsoll migrate'),),
        numbers={"differences": len(found)},
    )


def _required(facts: Facts) -> Verdict:
    schema = facts.schema.value
    if not schema.required:
        raise IrrelevantError("no column was asked for (--require TABLE.COLUMN)")
    missing = [name for name, there in schema.required.items() if not there]
    if not missing:
        return Passed(f"there: {', '.join(schema.required)}")
    fix = "Run the migration that makes it." if schema.pending else "No revision is pending: write one that makes it."
    changes = (Change("shell", MIGRATE),) if schema.pending else ()
    return Found(f"not there: {', '.join(missing)}", fix, changes, numbers={"missing": len(missing)})


def _migrated(facts: Facts) -> SchemaFacts:
    if not facts.app.value.has_migrations:
        raise IrrelevantError("the application has no migrations")
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
whatever models and revisions say.
""",
        _required,
    ),
)
