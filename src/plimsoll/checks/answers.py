"""What a database server answered, as a check needs it: a number, a size, a time, or the reason why there is none.

A value that is missing, absurd or not of its kind raises `UnknownError`: nothing is concluded from it."""

import re

from plimsoll.checks import amounts
from plimsoll.checks.facts import Facts
from plimsoll.checks.verdict import IrrelevantError, UnknownError
from plimsoll.server.facts import ServerFacts
from plimsoll.settings.drivers import Dialect

NAMES: dict[str, str] = {"mysql": "MySQL or MariaDB", "postgresql": "PostgreSQL", "sqlite": "SQLite"}

LARGEST = float(1 << 64)
"""No variable of a server is beyond 64 bits; a number that is comes from something else."""

DAY_S = 86_400.0
"""Shares of what was counted for less are chance: a backup or a restart weighs more than a day's users."""

_QUANTITY = re.compile(r"(-?\d+(?:\.\d+)?)\s*([A-Za-z]*)")
_UNIT = re.compile(r"(\d*)([A-Za-z]+)")
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": DAY_S}
_BYTES = {"B": 1.0, "kB": 1024.0, "MB": 1024.0**2, "GB": 1024.0**3, "TB": 1024.0**4}


def server_of(facts: Facts, dialect: Dialect) -> ServerFacts:
    """What the server said of itself. Raises IrrelevantError where the database is of another kind."""
    if facts.settings.known and facts.settings.value.dialect != dialect:
        raise _another(facts.settings.value.dialect, dialect)
    server = facts.server.value
    if server.dialect != dialect:
        raise _another(server.dialect, dialect)
    return server


def _another(found: str, dialect: str) -> IrrelevantError:
    return IrrelevantError(f"The database is {NAMES.get(found, found)}; this is about {NAMES[dialect]}.")


def text(server: ServerFacts, *names: str) -> str:
    """The first of `names` that the server has, in its own words; several where versions differ in the name."""
    for name in names:
        found = server.variables.get(name, server.status.get(name))
        if found is not None and found.strip().upper() != "NULL":
            return found.strip()
    raise UnknownError(_missing(server, names[0]))


def number(server: ServerFacts, *names: str) -> float:
    """A count, a size in bytes or a time, as MySQL writes them: without a unit and never below 0."""
    found = text(server, *names)
    try:
        value = float(found)
    except ValueError:
        raise _odd(names[0], found) from None
    if not 0 <= value <= LARGEST:
        raise _odd(names[0], found)
    return value


def switch(server: ServerFacts, *names: str) -> bool:
    """Whether something is on."""
    found = text(server, *names)
    for name in names:
        if (state := server.on(name)) is not None:
            return state
    raise _odd(names[0], found)


def seconds(server: ServerFacts, name: str) -> float:
    """A time of PostgreSQL ("1500" that counts ms, "30s"), in seconds. -1 stands for whatever is below 0."""
    return _quantity(server, name, _SECONDS)


def size(server: ServerFacts, name: str) -> float:
    """A size of PostgreSQL ("16384" that counts 8kB, "128MB"), in bytes. -1 stands for whatever is below 0."""
    return _quantity(server, name, _BYTES)


def _quantity(server: ServerFacts, name: str, units: dict[str, float]) -> float:
    found = text(server, name)
    match = _QUANTITY.fullmatch(found)
    if match is None:
        raise _odd(name, found)
    amount = float(match[1])
    if amount <= 0:
        return 0.0 if amount == 0 else -1.0
    unit = _UNIT.fullmatch(match[2] or server.units.get(name, ""))
    if unit is None or unit[2] not in units:
        raise UnknownError(f"{name} is {found!r}, and in which unit is not known")
    value = amount * float(unit[1] or 1) * units[unit[2]]
    if value > LARGEST:
        raise _odd(name, found)
    return value


def uptime_of(server: ServerFacts) -> float | None:
    """Seconds since the server started; None where it does not tell, or tells nonsense."""
    known = server.uptime_s is not None and 0 <= server.uptime_s <= LARGEST
    return server.uptime_s if known else None


def counted_for(server: ServerFacts) -> str:
    """For how long the counters have counted, in words. Raises UnknownError where that is less than a day."""
    age_s = uptime_of(server)
    if age_s is None:
        raise UnknownError(_missing(server, "uptime"))
    flushed = server.number("uptime_since_flush_status")
    if flushed is not None and 0 <= flushed < age_s:
        age_s = flushed
    if age_s < DAY_S:
        raise UnknownError(
            f"the server has counted for {amounts.time(age_s)} only, too short for a share to mean anything",
            "Look again when it has run for a day.",
        )
    return amounts.time(age_s)


def _missing(server: ServerFacts, name: str) -> str:
    """Why there is no value of that name."""
    for key in (name, "variables", "status"):
        if key in server.unread:
            return f"{name} could not be read: {server.unread[key]}"
    proxy = f"; {server.in_between} answers in its place" if server.in_between else ""
    return f"the server does not tell {name}{proxy}"


def _odd(name: str, found: str) -> UnknownError:
    shown = found if len(found) <= 40 else f"{found[:40]}..."
    return UnknownError(f"the server says that {name} is {shown!r}, which makes no sense")
