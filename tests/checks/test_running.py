"""The runner, the registry and suppressions, over facts and checks that the test makes up."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from plimsoll.checks.check import Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.pages import pages
from plimsoll.checks.registry import BY_ID, CHECKS, TOLD, _sorted, check_of, select
from plimsoll.checks.runner import Report, Result, run_checks
from plimsoll.checks.suppressions import Suppression, read_suppressions
from plimsoll.checks.verdict import CouldNot, Found, IrrelevantError, Level, NotApplicable, Passed, Verdict
from plimsoll.errors import CommandError

DOCS = Path(__file__).parents[2] / "docs"
TODAY = date(2026, 6, 1)


def a_check(look: Callable[[Facts], Verdict], level: Level = Level.ERROR, id_: str = "PL999") -> Check:
    """A check that looks as the test says."""
    return Check(id_, "It is wrong", level, frozenset({"made-up"}), "It goes wrong.", "About it.", look)


def report(*verdicts: Verdict, level: Level = Level.ERROR, fail_level: Level = Level.ERROR) -> Report:
    """The report of checks with these verdicts."""
    checks = [a_check(lambda _, v=verdict: v, level, f"PL99{n}") for n, verdict in enumerate(verdicts)]  # type: ignore[misc]
    return Report("before", run_checks(checks, Facts()), fail_level)


def test_every_check_is_told_apart_and_explains_itself() -> None:
    """Ids are unique, in order and of the form PL and three digits; nothing is left empty."""
    ids = [check.id for check in CHECKS]
    assert ids == sorted(set(ids))
    for check in CHECKS:
        assert check.id[:2] == "PL"
        assert len(check.id) == 5
        assert check.id[2:].isdigit()
        assert all((check.title, check.meaning, check.about.strip(), check.tags, check.stages))
        assert not check.title.endswith(".")
        assert check.meaning.endswith(".")


def test_every_harmful_classic_is_found_by_its_tag() -> None:
    """Of both stages; those that no check can see are told in pages alone."""
    before = {check.id for check in select("before", ["classic"])}
    assert before == {"PL016", "PL101", "PL901", "PL902", "PL903", "PL906", "PL909", "PL911"}
    assert {check.id for check in select("after", ["classic"])} == {"PL707"}


def test_two_checks_of_one_id_are_a_fault_of_the_program() -> None:
    """It shows when the program starts."""
    check = a_check(lambda _: Passed("well"))
    with pytest.raises(ValueError, match="two checks have the id PL999"):
        _sorted([check, check])


def test_the_pages_are_as_the_checks_say() -> None:
    """`python tools/write_check_pages.py` writes them, and removes what is no more."""
    there = {path.name: path.read_text() for path in (DOCS / "checks").glob("*.md")}
    assert there == pages(CHECKS, TOLD)


def test_every_link_of_a_page_leads_somewhere() -> None:
    """To another page of the checks, or of the docs."""
    for path in (DOCS / "checks").glob("*.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
            assert (path.parent / target).exists(), (path.name, target)


def test_a_check_without_any_facts_never_passes_in_silence() -> None:
    """With nothing learned all but the checklist's own are open."""
    for result in run_checks(CHECKS, Facts()):
        if result.check.id == "PL090":
            continue
        assert isinstance(result.verdict, (CouldNot, NotApplicable)), result


def test_a_check_that_fails_takes_no_other_with_it() -> None:
    """It is told by the error's class, without its text, which may quote anything."""

    def fails(_: Facts) -> Verdict:
        raise RuntimeError("hush-hush")

    def irrelevant(_: Facts) -> Verdict:
        raise IrrelevantError("there is none")

    looks = (fails, irrelevant, lambda facts: Passed(facts.settings.value.safe_url), lambda _: Passed("well"))
    verdicts = [r.verdict for r in run_checks([a_check(look) for look in looks], Facts())]
    assert verdicts == [
        CouldNot("the check itself failed (RuntimeError)", "Please report it, with the check's id."),
        NotApplicable("there is none"),
        CouldNot("it was not asked for"),
        Passed("well"),
    ]


def test_one_cause_is_told_by_the_check_that_names_it_best() -> None:
    """The other does not apply, unless the first was left out, passes or is suppressed."""
    best = a_check(lambda _: Found("five of six", "Mend it."), id_="PL998")
    other = a_check(lambda _: Found("some", "Look.", same_as="PL998"))
    assert [type(r.verdict) for r in run_checks([best, other], Facts())] == [Found, NotApplicable]
    assert [type(r.verdict) for r in run_checks([other], Facts())] == [Found]
    accepted = [Suppression("PL998", "known", TODAY, "a test")]
    assert [type(r.verdict) for r in run_checks([best, other], Facts(), accepted)] == [Found, Found]
    well = a_check(lambda _: Passed("well"), id_="PL998")
    assert [type(r.verdict) for r in run_checks([well, other], Facts())] == [Passed, Found]


@pytest.mark.parametrize(
    ("verdicts", "level", "status", "words"),
    [
        ([Passed("")], Level.ERROR, 0, "safe: no finding at or above 'error'."),
        ([Passed(""), Found("", "")], Level.ERROR, 1, "not safe: 1 finding at or above 'error' (PL991: it is wrong)."),
        (
            [Passed(""), Found("", "")],
            Level.WARNING,
            0,
            "safe: no finding at or above 'error'; 1 finding below it (PL991).",
        ),
        (
            [Passed(""), CouldNot("")],
            Level.ERROR,
            2,
            "not safe: 1 question that matters could not be answered (PL991).",
        ),
        ([Passed(""), CouldNot("")], Level.WARNING, 0, "safe: no finding at or above 'error'."),
        (
            [CouldNot(""), Found("", "")],
            Level.ERROR,
            1,
            "not safe: 1 finding at or above 'error' (PL991: it is wrong).",
        ),
        ([NotApplicable("")], Level.ERROR, 2, "not safe: nothing could be checked."),
        ([CouldNot("")], Level.WARNING, 2, "not safe: nothing could be checked."),
        (
            [Found("", "", level=Level.CRITICAL)],
            Level.INFO,
            1,
            "not safe: 1 finding at or above 'error' (PL990: it is wrong).",
        ),
    ],
)
def test_the_answer(verdicts: list[Verdict], level: Level, status: int, words: str) -> None:
    """Findings at the level before what is not known; nothing at all is no pass."""
    found = report(*verdicts, level=level)
    assert (found.status, found.last_line) == (status, words)


def test_findings_are_sorted_by_how_bad_they_are() -> None:
    """Then by id."""
    found = report(Found("", "", level=Level.INFO), Found("", ""), Found("", "", level=Level.CRITICAL), Found("", ""))
    assert [result.check.id for result in found.found] == ["PL992", "PL991", "PL993", "PL990"]


def test_a_suppression_hides_findings_and_unknowns_but_not_a_pass() -> None:
    """What was accepted neither counts nor is lost."""
    accepted = [Suppression(f"PL99{n}", "as agreed", TODAY, "x") for n in range(3)]
    checks = [
        a_check(lambda _, v=v: v, id_=f"PL99{n}")  # type: ignore[misc]
        for n, v in enumerate([Found("", ""), CouldNot(""), Passed("")])
    ]
    found = Report("before", run_checks(checks, Facts(), accepted))
    assert (found.status, len(found.found), len(found.unknown)) == (0, 0, 0)
    assert [result.check.id for result in found.suppressed] == ["PL990", "PL991"]
    assert found.last_line == "safe: no finding at or above 'error'; 2 checks suppressed (PL990, PL991)."


def test_an_expired_suppression_is_a_finding_and_hides_nothing() -> None:
    """PL090 says which, since when, and its reason."""
    expired = Suppression("PL001", "as agreed", TODAY, "plimsoll-checks.toml", expired=True)
    check = replace(check_of("PL001"), look=lambda _: Found("", ""))
    one, two = run_checks([check, check_of("PL090")], Facts(), [expired])
    assert isinstance(one.verdict, Found)
    assert one.suppressed is None
    assert isinstance(two.verdict, Found)
    assert two.verdict.evidence == "PL001 in plimsoll-checks.toml, until 2026-06-01: as agreed"


def read(home: Path, own: str = "", project: str = "") -> tuple[Suppression, ...]:
    """Suppressions of these two files, as read on the first of June."""
    if own:
        (home / "plimsoll-checks.toml").write_text(own)
    if project:
        (home / "pyproject.toml").write_text(project)
    return read_suppressions(home, BY_ID, TODAY)


def test_suppressions_are_read_from_both_files(tmp_path: Path) -> None:
    """The last day still counts; the day after no more. A date may be a text."""
    assert read(tmp_path) == ()
    found = read(
        tmp_path,
        '[PL012]\nreason = "agreed\\n with  Ann"\nuntil = 2026-06-01\n[PL014]\nreason = "x"\nuntil = "2026-05-31"\n',
        '[tool.plimsoll.checks.PL003]\nreason = "staging"\nuntil = 2027-01-01T00:00:00\n',
    )
    assert [(s.id, s.reason, s.expired, s.source) for s in found] == [
        ("PL012", "agreed with Ann", False, "plimsoll-checks.toml"),
        ("PL014", "x", True, "plimsoll-checks.toml"),
        ("PL003", "staging", False, "pyproject.toml"),
    ]


@pytest.mark.parametrize(
    ("own", "project", "words"),
    [
        ("[PL000]\n", "", "names no check"),
        ("[PL090]\n", "", "is not possible"),
        ("PL012 = 3\n", "", "is no table"),
        ("[PL012]\nuntil = 2027-01-01\n", "", "has no reason"),
        ('[PL012]\nreason = " "\nuntil = 2027-01-01\n', "", "has no reason"),
        ('[PL012]\nreason = "x"\n', "", "has no date"),
        ('[PL012]\nreason = "x"\nuntil = "soon"\n', "", "has no date"),
        ('[PL012]\nreason = "x"\nuntill = 2027-01-01\n', "", "has 'untill'"),
        ("[PL012\n", "", "cannot be read"),
        ("", "[tool.plimsoll]\nchecks = 3\n", "is no table"),
        (
            '[PL012]\nreason = "x"\nuntil = 2027-01-01\n',
            '[tool.plimsoll.checks.PL012]\nreason = "x"\nuntil = 2027-01-01\n',
            "leave one of them",
        ),
    ],
)
def test_a_suppression_that_is_not_right_is_refused(tmp_path: Path, own: str, project: str, words: str) -> None:
    """Rather than hide something else, or nothing, for ever."""
    with pytest.raises(CommandError, match=words):
        read(tmp_path, own, project)


def test_selection_knows_ids_tags_and_stages() -> None:
    """A check of another stage is named with its stage."""
    assert [check.id for check in select("before", ["pl001"])] == ["PL001"]
    assert {check.id for check in select("before", ["schema"], ["PL112"])} >= {"PL110", "PL111"}
    with pytest.raises(CommandError, match="give --stage before"):
        select("after", ["PL110"])


def test_results_carry_their_level() -> None:
    """A finding's own, else the check's."""
    check = a_check(lambda _: Passed(""))
    assert Result(check, Found("", "", level=Level.INFO)).level is Level.INFO
    assert Result(check, Found("", "")).level is Level.ERROR
