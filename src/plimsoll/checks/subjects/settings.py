"""PL00x: settings are right, mean what was meant, and say whether this is production."""

import shlex
from collections import Counter

from plimsoll.capacity.wording import counted
from plimsoll.checks.check import BOTH, Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.verdict import Change, CouldNot, Found, Level, Passed, Verdict
from plimsoll.settings import DatabaseSettings
from plimsoll.settings.records import is_as_asked

AS_DEVELOPMENT = "THIS RUNS AS DEVELOPMENT"
"""How notes about near misses end; see `plimsoll.settings.production.near_misses`."""

KEY_BYTES = 48
"""Random bytes of a key that is made. RFC 7518, 3.2 asks for the 32 of the hash at least, where HS256 signs."""

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
    told_apart = {note for group in groups for note in group.made_up.values()}
    notes = [
        note
        for group in groups
        for note in group.notes
        if note not in told_apart and AS_DEVELOPMENT not in note and not is_as_asked(note)
    ]
    if not notes:
        return Passed("no name that is nearly a setting, none given twice, none ignored")
    return Found(
        "\n".join(dict.fromkeys(notes)),
        "Correct each or take it out, in .env or in the environment; 'plimsoll settings' shows what counts.",
        numbers={"notes": len(notes)},
    )


def _shared(facts: Facts) -> Verdict:
    groups = facts.groups or (facts.settings.value,)
    made_up = {name: words for group in groups for name, words in group.made_up.items()}
    if not made_up:
        return Passed("nothing that all processes must share is left to each of them")
    topology = facts.topology.value
    lines = list(made_up.values())
    if topology.processes > 1:
        lines.append(f"{counted(topology.processes, 'process', 'processes')} are declared: each has its own")
    hosts = ", the same on each host" if topology.hosts > 1 else ""
    return Found(
        "\n".join(lines),
        f"Make {' and '.join(made_up)} once, in .env or in the environment{hosts}; then restart the service. Who is "
        "logged in by one that was made up must log in again.",
        tuple(Change("shell", _made_once(name, facts)) for name in made_up),
        level=Level.ERROR if topology.processes > 1 else None,
        numbers={"made_up": len(made_up)},
    )


def _made_once(name: str, facts: Facts) -> str:
    file = shlex.quote(str(facts.env_file.value.path if facts.env_file.known else ".env"))
    # A file may end without a line break: what is appended would be a part of its last value.
    code = f"import secrets; print('\\n{name}=' + secrets.token_urlsafe({KEY_BYTES}))"
    return f'(umask 077; python3 -c "{code}" >> {file})'


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
        "PL008",
        "Each process makes up what all must share",
        Level.WARNING,
        TAGS,
        "What one process has signed is refused by the others, and by itself after a restart: logins fail at random.",
        """\
Settings that the application has declared with `setting(..., made_up=...)`: where such a one is not set, each process
makes up its own, as `backend/` does outside of production with `SECRET_KEY`, which signs access tokens. With four
workers three of four requests then reach one that refuses the token. It is an error where several processes are
declared (`WEB_CONCURRENCY`, `DEPLOY_HOSTS`), else a warning: a restart ends all logins.

The command writes a value of 48 random bytes to `.env`, and shows it nowhere. A key that is set and has leaked is
changed in the same way, its old line taken out. Sessions of the console at `/ops/` need none: they are signed with keys
made from `OPS_TOKEN` and `OPS_READ_TOKEN`.

Suppress it on a machine of a developer who minds no log-in after a restart.
""",
        _shared,
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
