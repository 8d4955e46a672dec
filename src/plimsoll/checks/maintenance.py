"""Until when the makers of a server mend a version of it."""

from collections.abc import Mapping
from datetime import date, timedelta

from plimsoll.checks.facts import Facts
from plimsoll.checks.verdict import Found, Level, Passed, UnknownError, Verdict
from plimsoll.server.facts import ServerFacts

SOON = timedelta(days=180)
"""An upgrade of a database server is planned, tried and done in about half a year."""


def judge(facts: Facts, server: ServerFacts, ends: Mapping[tuple[int, ...], date], digits: int) -> Verdict:
    """Compare the first `digits` numbers of the version with the dates."""
    series = server.version[:digits]
    name = ".".join(map(str, series)) or "unknown"
    end = ends.get(series)
    if end is None:
        raise UnknownError(f"until when version {name} is maintained is not known to this version of Plimsoll")
    today = facts.today.value
    evidence = f"Version {name} of {server.flavour} is maintained until {end:%Y-%m-%d}."
    if today <= end - SOON:
        return Passed(evidence)
    return Found(
        evidence=evidence
        if today <= end
        else f"Version {name} of {server.flavour} was maintained until {end:%Y-%m-%d}.",
        fix="Plan the upgrade: read the release notes, try it on a copy of the data, back up. Or see that your"
        " distribution or provider still mends this version, and suppress this with that reason.",
        level=Level.INFO if today <= end else None,
    )
