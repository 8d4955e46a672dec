"""PL607, PL608: packages are those that this was made for, and none has a fault that is known to hurt here."""

from dataclasses import dataclass
from types import MappingProxyType

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from plimsoll.capacity.wording import counted
from plimsoll.checks.check import Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.verdict import Change, CouldNot, Found, Level, Passed, Verdict
from plimsoll.settings.drivers import ASYNCMY_FLOOR, DRIVERS

TAGS = frozenset({"packages"})

WANTED = MappingProxyType(
    {
        "sqlalchemy": SpecifierSet(">=2.1,<2.2"),
        "aiomysql": SpecifierSet(">=0.3.2"),
        "asyncmy": SpecifierSet(f">={ASYNCMY_FLOOR}"),
        "asyncpg": SpecifierSet(">=0.31"),
        "psycopg": SpecifierSet(">=3.3"),
        "aiosqlite": SpecifierSet(">=0.22"),
    }
)
"""Those that Plimsoll asks pip for: a driver that was installed by itself was never compared with them."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Versions of a package, with the drivers that come with it (all where none is named), and what they do."""

    package: str
    versions: SpecifierSet
    what: str
    source: str
    level: Level
    drivers: tuple[str, ...] = ()
    mended: str = ""


FAULTS: tuple[Fault, ...] = (
    Fault(
        "asyncmy",
        SpecifierSet(f"<{ASYNCMY_FLOOR}"),
        "a query that was cancelled can leave its rows to the next query on the connection, which may be another "
        "user's",
        "asyncmy's changelog; measured when Plimsoll was made",
        Level.CRITICAL,
        ("asyncmy",),
        str(ASYNCMY_FLOOR),
    ),
    Fault(
        "pymysql",
        SpecifierSet("<1.1.1"),
        "keys of a dict that is passed as a parameter are put into the statement as they are: SQL injection",
        "CVE-2024-36039",
        Level.ERROR,
        ("aiomysql",),
        "1.1.1",
    ),
    Fault(
        "aiomysql",
        SpecifierSet("<0.3.0"),
        "a server that is not what it says, or somebody in between, can read any file of the service",
        "CVE-2025-62611",
        Level.ERROR,
        ("aiomysql",),
        "0.3.0",
    ),
)


def _version(facts: Facts, package: str) -> Version | None:
    """The installed version; None where it is not there or is none that can be compared."""
    installed: dict[str, str] = {canonicalize_name(name): text for name, text in facts.versions.items()}
    try:
        return Version(installed[package])
    except (KeyError, InvalidVersion):
        return None


def _driver(facts: Facts) -> str:
    return DRIVERS[facts.settings.value.url.drivername].package


def _upgrade(package: str, wanted: str, old: str) -> Change:
    return Change(
        "shell",
        f'pip install "{package}{wanted}"',
        undo=f'pip install "{package}=={old}"',
        name=package,
        value=wanted,
        old=old,
        risk="Write it into the lock file too, or the next deployment brings the old one back.",
    )


def _unknown(packages: list[str]) -> CouldNot:
    return CouldNot(f"the version of {' and '.join(packages)} is not known", "pip show tells whether it is installed.")


def _as_made_for(facts: Facts) -> Verdict:
    packages = ("sqlalchemy", _driver(facts))
    versions = {package: _version(facts, package) for package in packages}
    unknown = [package for package, version in versions.items() if version is None]
    if unknown:
        return _unknown(unknown)
    known = {package: version for package, version in versions.items() if version is not None}
    wrong = {name: version for name, version in known.items() if not WANTED[name].contains(version, prereleases=True)}
    if not wrong:
        return Passed(", ".join(f"{name} {version} ({WANTED[name]})" for name, version in known.items()))
    told = [f"{name} {version} is installed, {WANTED[name]} is what is tested" for name, version in wrong.items()]
    return Found(
        "; ".join(told),
        "Install a version that is tested.",
        tuple(_upgrade(name, str(WANTED[name]), str(version)) for name, version in wrong.items()),
        numbers={"wrong": len(wrong)},
    )


def _faults(facts: Facts) -> Verdict:
    driver = _driver(facts)
    asked = [fault for fault in FAULTS if not fault.drivers or driver in fault.drivers]
    found, unknown = [], []
    for fault in asked:
        version = _version(facts, fault.package)
        if version is None:
            unknown.append(fault.package)
        elif fault.versions.contains(version, prereleases=True):
            found.append((fault, version))
    if found:
        return Found(
            "; ".join(f"{fault.package} {version}: {fault.what} ({fault.source})" for fault, version in found),
            "Install a later version now.",
            tuple(_upgrade(fault.package, f">={fault.mended}", str(version)) for fault, version in found),
            level=max(fault.level for fault, _ in found),
            numbers={"faults": len(found)},
        )
    if unknown:
        return _unknown(unknown)
    return Passed(f"none of {counted(len(asked), 'known fault')} of what comes with {driver}")


CHECKS: tuple[Check, ...] = (
    Check(
        "PL607",
        "A package is not of a version that this is tested with",
        Level.WARNING,
        TAGS,
        "The pool reads the driver's own state of a connection, which other versions may keep elsewhere.",
        """\
SQLAlchemy and the driver of `DATABASE_URL`, as they are installed.

pip compares versions only where a package is installed as one of Plimsoll's extras. A driver installed by itself, or
held back by another package, is never compared.

Threshold: what `pyproject.toml` asks for. Versions are compared as versions (PEP 440), not as numbers.

After your own tests have passed with that version.
""",
        _as_made_for,
    ),
    Check(
        "PL608",
        "A package has a fault that hurts here",
        Level.ERROR,
        TAGS | {"security"},
        "Other people's rows, or other people in the database.",
        """\
A short list of faults of the MySQL drivers: asyncmy before 0.2.13 (the rows of a cancelled query go to the next one),
PyMySQL before 1.1.1 (CVE-2024-36039), on which aiomysql is built, and aiomysql before 0.3.0 (CVE-2025-62611).

Each is reached by ordinary use of a service: a client that goes away, a JSON body used as parameters, a database at
the other end of an unchecked connection.

Threshold: the versions in which they were mended, by their maintainers. It is no audit: `pip-audit` looks for all
that is published, of all packages.

Suppress it where your distribution has mended it under the old number.
""",
        _faults,
    ),
)
