"""One thing at a time is broken on a good deployment: the check names it, and names nothing else."""

import json

import pytest

from plimsoll.checks.verdict import Level
from tests.checks.breakages.breakage import Breakage
from tests.checks.breakages.conftest import Make
from tests.checks.breakages.listed import BREAKAGES
from tests.checks.conftest import Checked


def named(checked: Checked) -> dict[str, str]:
    """What was found at the level of a warning or above, with the evidence."""
    return {
        id_: f"{result['level']}: {result.get('evidence')}"
        for id_, result in checked.results.items()
        if result["verdict"] == "found" and Level[result["level"].upper()] >= Level.WARNING
    }


def unsure(checked: Checked) -> dict[str, str]:
    """What could not be told and matters, with the reason."""
    return {
        id_: result["why"]
        for id_, result in checked.results.items()
        if result["verdict"] == "could not" and Level[result["level"].upper()] >= Level.ERROR
    }


@pytest.mark.parametrize("kind", ["mariadb", "postgres"])
def test_a_good_deployment_has_no_finding(make_deployment: Make, kind: str) -> None:
    """Before it and after it."""
    deployment = make_deployment(kind)
    before = deployment.before()
    assert before.found == set(), named(before)
    assert before.status == 0, unsure(before)
    deployment.serve()
    after = deployment.after()
    assert after.found == set(), named(after)
    assert after.status == 0, unsure(after)


@pytest.mark.parametrize("breakage", [pytest.param(each, id=each.name.replace(" ", "-")) for each in BREAKAGES])
def test_a_breakage_is_named_and_nothing_else(make_deployment: Make, breakage: Breakage) -> None:
    """Each of the list, on a deployment of its own."""
    deployment = make_deployment(breakage.kind)
    breakage.step(deployment)
    if breakage.stage == "before":
        checked = deployment.before()
    else:
        if breakage.serving:
            deployment.serve(**breakage.environ)
        breakage.then(deployment)
        checked = deployment.after()
    found = named(checked)
    assert set(found) == breakage.names, json.dumps(found, indent=1)
    same = [change["text"] for id_ in found for change in checked[id_]["changes"] if change["text"] == change["undo"]]
    assert not same, f"no fix is to leave things as they are: {same}"


def test_breakages_are_told_apart() -> None:
    """No two have one name, and there are as many as the proof asks for."""
    names = [breakage.name for breakage in BREAKAGES]
    assert len(set(names)) == len(names) >= 24
