"""The four forms of a report, with whatever a server or a person may have written into it."""

import json
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.checks.check import Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.render_json import render_json
from plimsoll.checks.render_junit import render_junit
from plimsoll.checks.render_markdown import escaped, fenced, render_markdown
from plimsoll.checks.render_text import REASON_CHARACTERS, WIDTH, render_text
from plimsoll.checks.runner import Report, run_checks
from plimsoll.checks.verdict import Change, CouldNot, Found, Level, NotApplicable, Passed, Verdict

ODD = "<b>&\"'`|*_[x](y)\x00\x1b[31m\ud800 \N{SNOWMAN}\n\n```\n# head\n]]>"


def check(id_: str, verdict: Verdict) -> Check:
    """A check with this verdict."""
    return Check(id_, f"Title of {id_}", Level.ERROR, frozenset({"x"}), "What it means.", "About.", lambda _: verdict)


def report(*verdicts: Verdict) -> Report:
    """A report of them, PL900 and on."""
    checks = [check(f"PL90{number}", verdict) for number, verdict in enumerate(verdicts)]
    return Report("before", run_checks(checks, Facts()))


def odd(text: str = ODD) -> Report:
    """Every verdict, with this text wherever there is one."""
    change = Change("sql", text, undo=text, privilege=text, risk=text, memory=text)
    return report(Found(text, text, (change,)), CouldNot(text, text), Passed(text), NotApplicable(text))


def test_text_shows_a_finding_whole() -> None:
    """Evidence, meaning, what to do, the text to paste with its risk and its undo, and where it is documented."""
    change = Change(
        "sql", "SET GLOBAL a = 1;\nSET GLOBAL b = 2;", undo="SET GLOBAL a = 0;", privilege="SUPER", risk="little"
    )
    assert render_text(report(Found("a is 0", "Set it.", (change,)), Passed("b is 2"))) == (
        "ERROR  PL900  Title of PL900\n"
        "  found: a is 0\n"
        "  means: What it means.\n"
        "  do:    Set it.\n"
        "         as SQL, needs SUPER:\n"
        "             SET GLOBAL a = 1;\n"
        "             SET GLOBAL b = 2;\n"
        "           risk: little\n"
        "           undo: SET GLOBAL a = 0;\n"
        "  see:   plimsoll check --explain PL900, or docs/checks/PL900.md\n"
        "\n"
        "2 checks: 1 found, 1 passed\n"
        "\n"
        "not safe: 1 finding at or above 'error' (PL900: title of PL900).\n"
    )


def test_text_names_a_reason_once_and_shortens_it() -> None:
    """One cause stops many checks; --verbose has all of it, and what passed."""
    why = "the server said " + "no and " * 40 + "no"
    found = report(CouldNot(why), CouldNot(why), Passed("well"), NotApplicable("other"))
    short = render_text(found)
    assert short.count("PL900, PL901: the server said") == 1
    assert "(--verbose)" in short
    assert len(re.sub(r"\s+", " ", short.partition("checked:")[2].partition("(--verbose)")[0])) < REASON_CHARACTERS + 40
    long = render_text(found, verbose=True)
    assert " ".join(why.split()) in " ".join(long.split())
    assert "PL902  well" in long
    assert "PL903  other" in long
    assert "(--verbose)" not in long


def test_what_helps_is_never_cut() -> None:
    """However long the reason is: it is there to be copied."""
    fix = "Let an administrator run: GRANT PROCESS ON *.* TO 'venues'@'%';"
    short = " ".join(render_text(report(CouldNot("no and " * 40, fix), Passed("well"))).split())
    assert f"... (--verbose). {fix}" in short


def test_text_keeps_to_a_width_save_what_is_pasted() -> None:
    """A long statement stays on its line."""
    statement = "SET GLOBAL x = " + "y" * 200
    lines = render_text(report(Found("word " * 80, "word " * 80, (Change("sql", statement),)))).splitlines()
    assert [line for line in lines if len(line) > WIDTH] == [" " * 13 + statement]


@pytest.mark.parametrize("render", [render_json, render_junit, render_markdown, render_text])
def test_no_form_fails_at_odd_texts(render: object) -> None:
    """Control characters, half a surrogate, quotes and markup."""
    assert callable(render)
    text = render(odd())
    assert "PL900" in text
    assert "\x1b" not in text
    text.encode()


def test_junit_is_well_formed_whatever_is_in_it() -> None:
    """A failure, an error, a pass and a skip, each with its words."""
    suite = ET.fromstring(render_junit(odd()).encode("utf-8"))[0]
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["4", "1", "1", "1"]
    tags = [[child.tag for child in case] for case in suite.findall("testcase")]
    assert tags == [["failure"], ["error"], ["system-out"], ["skipped"]]
    assert "<b>&\"'`|*" in (suite[0][0].text or "")


def test_markdown_says_nothing_but_what_was_meant() -> None:
    """No heading, link or HTML of a server's own; a fence longer than any in the text."""
    text = render_markdown(odd())
    outside = re.sub(r"^(`{3,})sql\n.*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    assert [line for line in outside.splitlines() if line.startswith("#")] == [
        "# plimsoll check --stage before",
        "## ERROR [PL900](docs/checks/PL900.md): Title of PL900",
    ]
    assert "\\<b\\>\\&" in outside
    assert not re.search(r"(?<!\\)<", outside)
    assert "````sql" in text


@given(st.text())
def test_any_text_comes_out_of_each_form(text: str) -> None:
    """JSON and XML parse; the escaped text is one line; a fence cannot be closed from within."""
    assert json.loads(render_json(odd(text)))["results"][2]["evidence"] == text
    ET.fromstring(render_junit(odd(text)).encode("utf-8", "replace"))
    assert "\n" not in escaped(text)
    lines = list(fenced(text, "sql"))
    assert lines[0] == f"{lines[-1]}sql"
    assert lines[-1] not in lines[1:-1]
    render_text(odd(text), verbose=True)
