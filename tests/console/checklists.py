"""What the checklist may have come to, as the service tells it: made of real checks."""

import time
from datetime import date
from typing import Any

from plimsoll.checks.registry import BY_ID
from plimsoll.checks.render_json import as_json
from plimsoll.checks.runner import Report, Result
from plimsoll.checks.suppressions import Suppression
from plimsoll.checks.verdict import Change, CouldNot, Found, Level, NotApplicable, Passed
from plimsoll.snapshot import Snapshot
from tests.snapshot.samples import HEALTHY

HOSTILE = "<img src=x onerror=alert(1)>\u202e" + "x" * 300
PRIVILEGES = Found(
    "venues@% has FILE",
    "Let the service use an account that has its own database and nothing else.",
    (Change("sql", "REVOKE FILE ON *.* FROM 'venues'@'%';", undo="GRANT FILE ON *.* TO 'venues'@'%';", risk="some"),),
    Level.ERROR,
)
NOT_SAFE = Report(
    "before",
    (
        Result(BY_ID["PL002"], Found("DB_POOL_SZIE is not a setting", "Write DB_POOL_SIZE.")),
        Result(
            BY_ID["PL003"],
            Found(HOSTILE, "Say so.\n  By this line.", (Change("env", "ENVIRONMENT=production"),), Level.ERROR),
        ),
        Result(BY_ID["PL010"], Passed("it answers in 2 ms")),
        Result(BY_ID["PL012"], PRIVILEGES),
        Result(BY_ID["PL100"], CouldNot("no application was named", "Name it.")),
        Result(BY_ID["PL101"], CouldNot("no application was named", "Name it.")),
        Result(BY_ID["PL110"], NotApplicable("there are no migrations")),
        Result(BY_ID["PL112"], Found("not there: items.x", "Run the migration that makes it.")),
        Result(
            BY_ID["PL004"],
            Found("mode 0644", "chmod"),
            Suppression("PL004", "until the move", date(2027, 6, 30), "plimsoll-checks.toml"),
        ),
    ),
)
SAFE = Report("before", (Result(BY_ID["PL010"], Passed("it answers in 2 ms")),))


def run(report: Report | None, *, error: str = "", age_s: float = 180.0, **more: Any) -> dict[str, Any]:
    """A run that ended so long ago."""
    return {
        "began_s": time.time() - age_s - 4.0,
        "ended_s": time.time() - age_s,
        "worker": "web-1:4711",
        "release": release_of(HEALTHY),
        "application": "app.main:app",
        "report": None if report is None else as_json(report),
        "error": error,
        **more,
    }


def release_of(snapshot: Snapshot) -> str:
    """The one that runs."""
    return snapshot.worker.release


def running() -> dict[str, Any]:
    """A run of which this moment is the beginning."""
    return {"began_s": time.time(), "worker": "web-1:4711", "limit_s": 60.0}
