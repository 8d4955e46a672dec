"""PL10x: the application imports, and makes as many engines as is declared."""

from plimsoll.checks.check import Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.verdict import Change, Found, Level, Passed, Verdict

TAGS = frozenset({"app"})


def _imports(facts: Facts) -> Verdict:
    if facts.import_error:
        return Found(facts.import_error, "Mend the line that is named, then check again before you deploy.")
    return Passed(f"{facts.app.value.name} was imported")


def _engines(facts: Facts) -> Verdict:
    app, declared = facts.app.value, facts.topology.value.engines
    made = len(app.engines)
    pools = ", ".join("no limit" if most is None else f"at most {most}" for most in app.engines)
    others = f"; {app.other_engines} more for other servers" if app.other_engines else ""
    evidence = f"{made} made while importing ({pools}){others}; DEPLOY_ENGINES is {declared}"
    numbers = {"engines": float(made), "declared": float(declared)}
    unlimited = sum(most is None for most in app.engines)
    if made == declared and not unlimited:
        return Passed(evidence)
    change = Change("env", f"DEPLOY_ENGINES={made}", name="DEPLOY_ENGINES", value=str(made), old=str(declared))
    if made > declared:
        return Found(
            evidence,
            "Let all code share one engine. Where there must be several, declare them, so that they are counted.",
            (change,),
            numbers=numbers,
        )
    if unlimited:
        return Found(evidence, "Give each engine a pool with a limit (pool_size, max_overflow).", numbers=numbers)
    return Found(
        evidence,
        "Declare as many as there are, unless the rest is made later than at import.",
        (change,),
        level=Level.INFO,
        numbers=numbers,
    )


CHECKS: tuple[Check, ...] = (
    Check(
        "PL100",
        "The application cannot be imported",
        Level.CRITICAL,
        TAGS,
        "The service does not start with this release.",
        """\
The application is imported as a server would import it, without running its lifespan: a file that does not parse, a
package that is missing or a setting that its code refuses shows here, with the file and line of your own code.

What it prints meanwhile goes to standard error. An import that takes longer than 30 s is given up.
""",
        _imports,
    ),
    Check(
        "PL101",
        "The application makes more engines than are declared",
        Level.ERROR,
        TAGS | {"capacity", "classic"},
        "Each engine has a pool of its own, so a process takes a multiple of the connections that capacity counts on.",
        """\
Every SQLAlchemy engine that exists after the import is counted, whoever made it, if it is for the server of the
service's database. `DEPLOY_ENGINES` (1 unless set) is what `plimsoll capacity` counts on. An engine whose pool has no
limit (`NullPool`, `max_overflow=-1`) is found too. Fewer than declared is for information.

Engines that are made later, at start or in a request, are not seen.
""",
        _engines,
    ),
)
