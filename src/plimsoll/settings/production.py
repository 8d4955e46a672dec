"""Tells production from development, by exactly the rules of the operators: nothing else counts, but what was
probably meant as one of the rules is said loudly."""

import difflib
from dataclasses import dataclass

PRODUCTION_ENVIRONMENTS = ("production", "prod")
PRODUCTION_FLAGS = ("true", "1", "yes")
_PLAINLY_NO = ("", "false", "0", "no", "off", "none", "n", "f")

CLOSE_ENOUGH = 0.8
"""difflib ratio: "prodution" and "prd" are close to production, "preprod" and "development" are not."""


@dataclass(frozen=True, slots=True)
class Production:
    """Whether this is production, and the rule that says so."""

    active: bool
    reason: str


def detect_production(
    environment: str, flag: str, hosts: dict[str, str | None], markers: tuple[str, ...]
) -> Production:
    """Apply the rules in their order. `hosts` has the texts that are searched for markers, by setting name.

    The search is case-sensitive. The reason names the setting and the marker, never the text searched.
    """
    if environment.lower() in PRODUCTION_ENVIRONMENTS:
        return Production(True, f"ENVIRONMENT={environment}")
    if flag.lower() in PRODUCTION_FLAGS:
        return Production(True, f"PRODUCTION={flag}")
    for name, text in hosts.items():
        for marker in markers:
            if text is not None and marker and marker in text:
                return Production(True, f"{name} contains {marker}")
    return Production(False, "no production rule matched")


def near_misses(environment: str, flag: str, hosts: dict[str, str | None], markers: tuple[str, ...]) -> list[str]:
    """Notes on values that look like production and do not count as it. Call it in development only."""
    notes = []
    if _almost_production(environment):
        notes.append(
            f"ENVIRONMENT={environment!r} does not count as production (only production and prod do): "
            "THIS RUNS AS DEVELOPMENT."
        )
    if flag.strip().lower() not in _PLAINLY_NO:
        notes.append(
            f"PRODUCTION={flag!r} does not count as production (only true, 1 and yes do): THIS RUNS AS DEVELOPMENT."
        )
    notes += [
        f"{name} contains {marker} in other letters (upper and lower case count): THIS RUNS AS DEVELOPMENT."
        for name, text in hosts.items()
        for marker in markers
        if text is not None and marker and marker.lower() in text.lower()
    ]
    return notes


def _almost_production(environment: str) -> bool:
    word = environment.strip().lower()
    if word.startswith(PRODUCTION_ENVIRONMENTS):
        return True
    return bool(difflib.get_close_matches(word, PRODUCTION_ENVIRONMENTS, n=1, cutoff=CLOSE_ENOUGH))
