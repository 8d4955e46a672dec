"""PL00x: settings are right, mean what was meant, and say whether this is production."""

from collections import Counter

from plimsoll.capacity.wording import counted
from plimsoll.checks.check import BOTH, Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.verdict import Change, CouldNot, Found, Level, Passed, Verdict
from plimsoll.settings import DatabaseSettings

AS_DEVELOPMENT = "THIS RUNS AS DEVELOPMENT"
"""How notes about near misses end; see `plimsoll.settings.production.near_misses`."""

AS_ASKED = ("the async driver", "certificate is checked", "require is used instead")
"""Parts of notes that only tell how a URL was read, to the reader's good; everything else may be a slip."""

TAGS = frozenset({"settings"})


def _valid(facts: Facts) -> Verdict:
    if facts.problems:
        wrong = "\n".join(str(problem) for problem in facts.problems)
        return Found(
            f"{counted(len(facts.problems), 'setting')}:\n{wrong}",
            "Correct each where it came from, as named behind it.",
            numbers={"wrong": len(facts.problems)},
        )
    if not facts.groups:
        settings = facts.settings.value
        return Passed(f"settings were read: {settings.safe_url}")
    kinds = Counter(row.source.partition(":")[0] for group in facts.groups for row in group.rows())
    from_where = ", ".join(f"{count} from {_place(kind)}" for kind, count in sorted(kinds.items()))
    return Passed(f"{counted(sum(kinds.values()), 'setting')}: {from_where}; 'plimsoll settings' lists them")


def _place(kind: str) -> str:
    return {"default": "defaults", "environment": "the environment", "argument": "the program"}.get(kind, kind)


def _as_meant(facts: Facts) -> Verdict:
    groups = facts.groups or (facts.settings.value,)
    left_out = (AS_DEVELOPMENT, *AS_ASKED)
    notes = [note for group in groups for note in group.notes if not any(words in note for words in left_out)]
    if not notes:
        return Passed("no name that is nearly a setting, none given twice, none ignored")
    return Found(
        "\n".join(dict.fromkeys(notes)),
        "Correct each or take it out, in .env or in the environment; 'plimsoll settings' shows what counts.",
        numbers={"notes": len(notes)},
    )


def _production(facts: Facts) -> Verdict:
    settings = facts.settings.value
    if settings.production.active:
        return Passed(f"production: {settings.production.reason}")
    misses = [note for note in settings.notes if AS_DEVELOPMENT in note]
    if not misses and facts.import_error:
        return CouldNot(
            "no rule matched, but the application, which could not be imported, may have rules of its own",
            "Mend the import (PL100).",
        )
    return Found(
        "\n".join(misses) or f"{settings.production.reason}; {_searched(settings)}",
        "If this deployment is production, say so.",
        (Change("env", "ENVIRONMENT=production", name="ENVIRONMENT", value="production", old=settings.environment),),
        level=Level.ERROR if misses else None,
    )


def _searched(settings: DatabaseSettings) -> str:
    markers = ", ".join(settings.production_hosts)
    return f"hosts that mean production: {markers}" if markers else "no host means production (PRODUCTION_HOSTS)"


CHECKS: tuple[Check, ...] = (
    Check(
        "PL001",
        "Settings are wrong",
        Level.CRITICAL,
        TAGS,
        "The service does not start. Whatever needs these settings could not be looked at either.",
        """\
Every setting is read as at start: from the program, the process environment, `.env`, then its default. What is not
understood or out of bounds is named with its value (secrets hidden), where it came from, and what is allowed.

Where all are right the check tells how many came from where; `plimsoll settings` has each of them. Bounds are in
[settings](../settings.md).

There is no reason to suppress this: the service would not start.
""",
        _valid,
        BOTH,
    ),
    Check(
        "PL002",
        "A setting may not be as meant",
        Level.WARNING,
        TAGS,
        "The service starts and runs on another value than somebody thinks.",
        """\
A name that is nearly one of ours (`DB_POOL_SZIE`), a name given twice in `.env`, settings that are ignored since
others win (`MYSQL_*` beside `DATABASE_URL`), TLS files that are named while TLS is off, and no database named at all;
addresses in `OPS_PEERS` that no token is sent to, since anybody on the way could read it, and other hosts without a
token. Names are compared by how alike they are, and only those that begin as ours do, so that other programs'
variables are left alone.

Suppress it where another program needs the name.
""",
        _as_meant,
        BOTH,
    ),
    Check(
        "PL003",
        "This is not taken for production",
        Level.WARNING,
        frozenset({"settings", "production"}),
        "As development the service makes missing tables by itself, takes a weak first password and may fill in sample "
        "data.",
        """\
The rules are exactly these: `ENVIRONMENT` is `production` or `prod`; `PRODUCTION` is `true`, `1` or `yes`; or
`MYSQL_HOST` or `DATABASE_URL` contains a text of `PRODUCTION_HOSTS`. Where one matches, the check tells which.

A value that was probably meant as one of them and is none (`ENVIRONMENT=prodution`, a host's name in other letters) is
an error. Where nothing matches at all it is a warning: only you know whether this deployment is production.

Suppress it for a staging system that shall run as development.
""",
        _production,
    ),
)
