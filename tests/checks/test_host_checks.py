"""The checks of capacity, time limits, process, host and habits, over facts that are made by hand."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

import pytest

from plimsoll.checks.check import BEFORE, BOTH
from plimsoll.checks.facts import Facts
from plimsoll.checks.pages import pages
from plimsoll.checks.registry import BY_ID, CHECKS, TOLD
from plimsoll.checks.verdict import CouldNot, Found, Known, Level, NotApplicable, Passed, Verdict
from plimsoll.settings import DatabaseSettings, Settings
from plimsoll.settings.declaration import specs_of
from tests.checks.cases import ALWAYS_APPLY, CASES, Case
from tests.checks.made import ASYNCMY, MIB, SECRET, URL, VERSIONS, facts, memory, settings, survey, topology, verdict

Group = TypeVar("Group", bound=Settings)

OURS = sorted({case.id for case in CASES})
FOUND = [case for case in CASES if case.verdict is Found]


def named(case: Case) -> str:
    return f"{case.id}-{case.verdict.__name__}"


def said(answer: Verdict) -> str:
    match answer:
        case Passed(evidence) | Found(evidence=evidence):
            return evidence
        case NotApplicable(why) | CouldNot(why):
            return why


@pytest.mark.parametrize("case", CASES, ids=named)
def test_a_check_answers_with_its_numbers(case: Case) -> None:
    """Found, passed, not applicable or not known, and why."""
    answer = verdict(case.id, case.about)
    assert isinstance(answer, case.verdict), answer
    for words in case.words:
        assert words in said(answer)


@pytest.mark.parametrize("case", [case for case in FOUND if case.mends], ids=named)
def test_the_change_that_is_proposed_mends_it(case: Case) -> None:
    """Its lines of .env applied, the check finds nothing any more."""
    answer = verdict(case.id, case.about)
    assert isinstance(answer, Found)
    assert any(change.kind == "env" for change in answer.changes)
    assert not isinstance(verdict(case.id, changed(case.about, answer)), Found)


def changed(about: Facts, found: Found) -> Facts:
    """The facts with the lines of .env in force."""
    lines = {change.name: change.value for change in found.changes if change.kind == "env"}
    assert [change.text for change in found.changes if change.kind == "env"] == [f"{k}={v}" for k, v in lines.items()]
    return replace(
        about,
        settings=Known(written(about.settings.value, lines)),
        service=Known(written(about.service.value, lines)),
        topology=Known(written(about.topology.value, lines)),
    )


def written(group: Group, lines: Mapping[str, str]) -> Group:
    """The group with those of the lines that are its own."""
    names = {spec.name: attribute for attribute, spec in specs_of(type(group)).items()}
    return group.model_copy(update={names[name]: value for name, value in lines.items() if name in names})


def test_every_check_is_seen_to_find_pass_not_apply_and_not_know() -> None:
    """None is left out of the table."""
    seen = defaultdict(set)
    for case in CASES:
        seen[case.id].add(case.verdict)
    for check_id in OURS:
        wanted = {Found, Passed, CouldNot} | (set() if check_id in ALWAYS_APPLY else {NotApplicable})
        assert seen[check_id] == wanted, check_id


@pytest.mark.parametrize("check_id", OURS)
def test_where_all_is_well_there_is_no_finding(check_id: str) -> None:
    """Nor a question without an answer."""
    assert isinstance(verdict(check_id, facts()), (Passed, NotApplicable))


@pytest.mark.parametrize("case", FOUND, ids=named)
def test_a_finding_says_what_to_do_and_how_to_take_it_back(case: Case) -> None:
    """Every change has an undo; no secret is in anything."""
    answer = verdict(case.id, case.about)
    assert isinstance(answer, Found)
    assert answer.fix
    assert SECRET not in repr(answer)
    for change in answer.changes:
        assert change.undo
        assert change.name


@pytest.mark.parametrize("check_id", OURS)
def test_a_check_has_a_page(check_id: str) -> None:
    """What is looked at, why, the threshold, and when it may be suppressed, each a paragraph of its own."""
    check = BY_ID[check_id]
    assert len(check.about.strip().split("\n\n")) >= 4
    assert check.stages == (BOTH if check_id == "PL610" else BEFORE)  # a disk fills up while the service runs
    assert check.meaning.endswith(".")
    assert not check.title.endswith(".")


def test_what_no_check_sees_has_a_page_all_the_same() -> None:
    """Under an id that no check has, in the list of pages."""
    written = pages(CHECKS, TOLD)
    for page in TOLD:
        assert page.id not in BY_ID
        assert page.title in written["README.md"]
        assert page.about.strip() in written[f"{page.id}.md"]
        for other in re.findall(r"PL\d{3}", page.about):
            assert other in BY_ID


def test_pages_name_checks_that_there_are() -> None:
    """No page sends its reader to one that does not exist."""
    known = {*BY_ID, *(page.id for page in TOLD)}
    for check_id in OURS:
        check = BY_ID[check_id]
        assert known >= set(re.findall(r"PL\d{3}", f"{check.about} {check.meaning}"))


def test_what_the_environment_sets_is_not_changed_in_the_file() -> None:
    """It wins over .env: the change says so."""
    read = DatabaseSettings.from_env({"DATABASE_URL": URL, "DB_POOL_TIMEOUT": "60"}, env_file=None)
    answer = verdict("PL207", facts(settings=read))
    assert isinstance(answer, Found)
    assert "environment" in answer.changes[0].risk
    assert answer.changes[0].undo == "DB_POOL_TIMEOUT=60"


def test_a_default_is_taken_back_by_removing_the_line() -> None:
    """It was not there before."""
    answer = verdict("PL201", facts(topology=topology(WEB_CONCURRENCY=8)))
    assert isinstance(answer, Found)
    assert [change.undo for change in answer.changes] == [
        "remove the line DB_POOL_SIZE=",
        "remove the line DB_MAX_OVERFLOW=",
    ]


ADDRESS_SPACE = survey(memory("RLIMIT_AS", 500 * MIB, 200 * MIB))
IN_PRODUCTION = settings(ENVIRONMENT="production")
CERTIFICATE = {"UVICORN_SSL_CERTFILE": "/c.pem"}


@pytest.mark.parametrize(
    ("check_id", "about", "level"),
    [
        ("PL606", facts(settings=IN_PRODUCTION, environ={"UVICORN_RELOAD": "1"}), Level.ERROR),
        ("PL606", facts(settings=IN_PRODUCTION, environ={"PYTHONDEVMODE": "1"}), None),
        ("PL911", facts(environ=CERTIFICATE, host=ADDRESS_SPACE), Level.ERROR),
        ("PL911", facts(environ=CERTIFICATE), None),
        ("PL601", facts(host=ADDRESS_SPACE), Level.ERROR),
        ("PL601", facts(host=survey(memory("RLIMIT_AS", 2 << 30, 200 * MIB))), None),
        ("PL903", facts(host=ADDRESS_SPACE, settings=settings(ASYNCMY, DB_POOL_SIZE="1000")), Level.ERROR),
        ("PL903", facts(host=survey(memory("RLIMIT_AS", 2 << 30, 200 * MIB))), None),
    ],
)
def test_what_strikes_at_once_is_an_error(check_id: str, about: Facts, level: Level | None) -> None:
    """The same finding is milder where it only may; then it has the check's own level."""
    answer = verdict(check_id, about)
    assert isinstance(answer, Found)
    assert answer.level == level


@pytest.mark.parametrize(
    ("installed", "level"), [("0.2.9", Level.CRITICAL), ("0.2.12", Level.CRITICAL), ("0.2.13", None), ("0.10.0", None)]
)
def test_versions_are_compared_as_versions(installed: str, level: Level | None) -> None:
    """0.2.9 is older than 0.2.13; such an asyncmy gives a cancelled query's rows away."""
    answer = verdict("PL608", facts(settings=settings(ASYNCMY), versions={**VERSIONS, "asyncmy": installed}))
    assert (answer.level if isinstance(answer, Found) else None) == level
