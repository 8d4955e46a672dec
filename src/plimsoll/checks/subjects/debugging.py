"""PL606, PL609: what is for development is off in production, and the clock has no zone."""

from collections.abc import Iterator

from plimsoll.checks import serving
from plimsoll.checks.check import Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.verdict import Change, CouldNot, Found, Level, NotApplicable, Passed, Verdict

TAGS = frozenset({"process", "production"})

RELOAD = "reload"
DEBUG_OPTIONS = ("debug", "asyncio_debug")

PYTHON_VARIABLES = {
    "PYTHONASYNCIODEBUG": "asyncio's debug mode: every task keeps the stack that made it",
    "PYTHONDEVMODE": "Python's development mode: asyncio's debug mode, and checks of every allocation",
    "PYTHONTRACEMALLOC": "every allocation's place is kept: memory and time for each",
}
"""Variables that count where they are not empty; tracing also where it is not 0 (the Python manual, "Command line")."""

DEBUG_ALLOCATORS = ("debug", "malloc_debug", "pymalloc_debug")
"""Values of PYTHONMALLOC that write before and behind every block."""


def _switched_on(facts: Facts) -> Iterator[tuple[str, str, bool]]:
    """The variable or the place, what it does, and whether it restarts the service."""
    for option in serving.options(facts):
        if option.name == RELOAD:
            yield option.where, f"the server restarts whenever a file changes ({option.where}: reload)", True
        elif option.name in DEBUG_OPTIONS:
            yield option.where, f"the server's debug mode ({option.where}: {option.name})", False
    for name, what in PYTHON_VARIABLES.items():
        value = facts.environ.get(name, "").strip()
        if value and value != "0":
            yield name, f"{what} ({name})", False
    if facts.environ.get("PYTHONMALLOC", "").strip() in DEBUG_ALLOCATORS:
        yield "PYTHONMALLOC", "every block of memory is guarded and filled (PYTHONMALLOC)", False


def _debug(facts: Facts) -> Verdict:
    if not facts.settings.value.production.active:
        return NotApplicable("this is not production")
    if not serving.can_tell(facts):
        return CouldNot("neither the environment nor the application was looked at")
    found = tuple(_switched_on(facts))
    if not found:
        return Passed(f"no debug mode and no reload in the environment; {serving.NOT_SEEN}")
    variables = dict.fromkeys(where for where, _, _ in found if where in facts.environ and where != serving.GUNICORN)
    return Found(
        "; ".join(what for _, what, _ in found),
        "Take it out of the environment that the service is started with, or out of what starts it.",
        tuple(
            Change(
                "shell",
                f"unset {name}",
                undo=f"export {name}={facts.environ[name]}",
                name=name,
                old=facts.environ[name],
                risk="The service must be started anew.",
            )
            for name in variables
        ),
        level=Level.ERROR if any(restarts for _, _, restarts in found) else None,
        numbers={"switched_on": len(found)},
    )


def _utc(facts: Facts) -> Verdict:
    offset_s = facts.utc_offset_s.value
    if offset_s == 0:
        return Passed("this host's local time is UTC")
    hours = f"{offset_s / 3600:+g} h"
    return Found(
        f"local time here is UTC {hours}",
        "Start the service with TZ=UTC, and let what shows times to people choose the zone.",
        (
            Change(
                "shell",
                "export TZ=UTC",
                undo=f"export TZ={facts.environ['TZ']}" if facts.environ.get("TZ") else "unset TZ",
                name="TZ",
                value="UTC",
                old=facts.environ.get("TZ", ""),
                risk="Log lines and naive datetimes of the service are in UTC from then on.",
            ),
        ),
        numbers={"utc_offset_s": offset_s},
    )


CHECKS: tuple[Check, ...] = (
    Check(
        "PL606",
        "What is for development is switched on in production",
        Level.WARNING,
        TAGS,
        "Each request takes more memory and time; with reload, one changed file cuts all requests in flight.",
        """\
Variables of Python (`PYTHONASYNCIODEBUG`, `PYTHONDEVMODE`, `PYTHONTRACEMALLOC`, `PYTHONMALLOC`), of uvicorn and
granian (`UVICORN_RELOAD`, ...), `GUNICORN_CMD_ARGS`, and options of the application's own.

Debug modes keep a stack for each task or allocation. Reload watches files, runs one process whatever
`WEB_CONCURRENCY` says, and restarts in the middle of an upload of new code.

Threshold: any of them, in production (PL003). Reload is an error. The server's own command line is not seen.

Suppress it while a fault is looked for, with a date.
""",
        _debug,
    ),
    Check(
        "PL609",
        "The host's local time is not UTC",
        Level.INFO,
        TAGS,
        "Times without a zone mean another moment here than on the server, and an hour comes twice a year.",
        """\
How far local time is from UTC where this command runs.

A naive `datetime.now()`, a log line and the database's `NOW()` are compared by people and by code. With one zone
everywhere they agree, and no hour is missing or doubled in spring and autumn.

Threshold: any difference. It is for information: code that always keeps zones is right anyway.

Suppress it where all times have a zone.
""",
        _utc,
    ),
)
