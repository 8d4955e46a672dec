"""PL09x: the checklist looks at itself."""

from plimsoll.checks.check import BOTH, Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.verdict import Found, Level, Passed, Verdict


def _expired(facts: Facts) -> Verdict:
    if not facts.expired:
        return Passed("no suppression has expired")
    return Found(
        "; ".join(facts.expired),
        "Mend what was suppressed and take the entry out, or, where its reason still holds, give it a later date.",
    )


CHECKS: tuple[Check, ...] = (
    Check(
        "PL090",
        "A suppression has expired",
        Level.WARNING,
        frozenset({"checklist"}),
        "The finding was accepted for a time, and that is over: it is shown again and counts.",
        """\
A suppression in `plimsoll-checks.toml`, or below `[tool.plimsoll.checks]` in `pyproject.toml`, has a reason and a
day until which it holds. After that day the finding counts again, and this check says why it came back.

It cannot be suppressed. Give the entry a later date where its reason still holds.
""",
        _expired,
        BOTH,
    ),
)
