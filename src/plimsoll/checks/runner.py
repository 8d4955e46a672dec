"""Runs checks over facts and says how it went. A check that fails itself takes no other with it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from plimsoll.capacity.wording import counted
from plimsoll.checks.check import Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.suppressions import Suppression
from plimsoll.checks.verdict import (
    CouldNot,
    Found,
    IrrelevantError,
    Level,
    NotApplicable,
    Passed,
    UnknownError,
    Verdict,
)

FINE, FOUND, COULD_NOT = 0, 1, 2
"""Exit statuses."""

DEFAULT_FAIL_LEVEL = Level.ERROR
"""What is wrong now stops a deployment. A warning, which stopped one too, would soon be skipped with the rest."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one check came to. `suppressed` is the accepted reason why a finding, or not knowing, does not count."""

    check: Check
    verdict: Verdict
    suppressed: Suppression | None = None

    @property
    def level(self) -> Level:
        """How bad it is, or would be."""
        own = self.verdict.level if isinstance(self.verdict, Found) else None
        return self.check.level if own is None else own


@dataclass(frozen=True, slots=True)
class Report:
    """All results of one run, and what they come to at a level."""

    stage: str
    results: tuple[Result, ...]
    fail_level: Level = DEFAULT_FAIL_LEVEL

    @property
    def found(self) -> tuple[Result, ...]:
        """Findings that count, the worst first."""
        found = [r for r in self.results if isinstance(r.verdict, Found) and not r.suppressed]
        return tuple(sorted(found, key=lambda result: (-result.level, result.check.id)))

    @property
    def failing(self) -> tuple[Result, ...]:
        """Findings at or above the level."""
        return tuple(result for result in self.found if result.level >= self.fail_level)

    @property
    def unknown(self) -> tuple[Result, ...]:
        """Questions without an answer."""
        return tuple(r for r in self.results if isinstance(r.verdict, CouldNot) and not r.suppressed)

    @property
    def unknown_that_matter(self) -> tuple[Result, ...]:
        """Those of them whose finding would be at or above the level."""
        return tuple(result for result in self.unknown if result.check.level >= self.fail_level)

    @property
    def passed(self) -> tuple[Result, ...]:
        """Where all is well."""
        return tuple(result for result in self.results if isinstance(result.verdict, Passed))

    @property
    def answered(self) -> bool:
        """Whether anything was learned: a finding below the level is an answer too."""
        return bool(self.passed or self.found or any(isinstance(r.verdict, Found) for r in self.suppressed))

    @property
    def not_applicable(self) -> tuple[Result, ...]:
        """Questions that do not arise."""
        return tuple(result for result in self.results if isinstance(result.verdict, NotApplicable))

    @property
    def suppressed(self) -> tuple[Result, ...]:
        """What was accepted."""
        return tuple(result for result in self.results if result.suppressed)

    @property
    def status(self) -> int:
        """The exit status: 1 for a finding at the level, 2 where something that matters is not known, else 0."""
        if self.failing:
            return FOUND
        return FINE if self.answered and not self.unknown_that_matter else COULD_NOT

    @property
    def last_line(self) -> str:
        """Safe or not safe, and why."""
        level = self.fail_level.name.lower()
        if self.failing:
            worst = f"{_ids(self.failing)}: {_within(self.failing[0].check.title)}"
            return f"not safe: {counted(len(self.failing), 'finding')} at or above '{level}' ({worst})."
        if self.unknown_that_matter:
            open_ = self.unknown_that_matter
            count = f"{counted(len(open_), 'question')} that {'matters' if len(open_) == 1 else 'matter'}"
            return f"not safe: {count} could not be answered ({_ids(open_)})."
        if not self.answered:
            return "not safe: nothing could be checked."
        below = f"; {counted(len(self.found), 'finding')} below it ({_ids(self.found)})" if self.found else ""
        accepted = (
            f"; {counted(len(self.suppressed), 'check')} suppressed ({_ids(self.suppressed)})"
            if self.suppressed
            else ""
        )
        return f"safe: no finding at or above '{level}'{below}{accepted}."


def run_checks(
    checks: Sequence[Check],
    facts: Facts,
    suppressions: Iterable[Suppression] = (),
) -> tuple[Result, ...]:
    """The result of each check, in their order. Only findings and unknowns are ever suppressed, and of two findings of
    one cause the less exact one does not apply."""
    suppressions = tuple(suppressions)
    facts = replace(facts, expired=tuple(str(item) for item in suppressions if item.expired))
    accepted = {item.id: item for item in suppressions if not item.expired}
    results = tuple(_result(check, facts, accepted) for check in checks)
    told = frozenset(r.check.id for r in results if isinstance(r.verdict, Found) and not r.suppressed)
    return tuple(_yielding(result, told) for result in results)


def _yielding(result: Result, told: frozenset[str]) -> Result:
    """The result, unless it is a finding whose cause is told by another one."""
    verdict = result.verdict
    if not isinstance(verdict, Found) or verdict.same_as not in told:
        return result
    return Result(result.check, NotApplicable(f"{verdict.same_as} finds the same cause: see there"))


def _result(check: Check, facts: Facts, accepted: Mapping[str, Suppression]) -> Result:
    verdict = _verdict(check, facts)
    counts = isinstance(verdict, (Found, CouldNot))
    return Result(check, verdict, accepted.get(check.id) if counts else None)


def _verdict(check: Check, facts: Facts) -> Verdict:
    try:
        return check.look(facts)
    except UnknownError as error:
        return CouldNot(error.why, error.fix)
    except IrrelevantError as error:
        return NotApplicable(error.args[0])
    except Exception as error:  # noqa: BLE001 - a fault of one check must not keep the others from being seen
        # Without its text, which could quote anything that the facts hold.
        return CouldNot(f"the check itself failed ({type(error).__name__})", "Please report it, with the check's id.")


def _ids(results: Sequence[Result]) -> str:
    return ", ".join(result.check.id for result in results)


def _within(title: str) -> str:
    """The title in the middle of a sentence: a small letter first, save in "TLS" and the like."""
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]
