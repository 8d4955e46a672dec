"""The report as Markdown, for a pull request or a chat."""

import re
from collections.abc import Iterator

from plimsoll.checks.pages import page_path
from plimsoll.checks.printable import printable
from plimsoll.checks.runner import Report, Result
from plimsoll.checks.verdict import CouldNot, Found

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!&])")
_LANGUAGE = {"env": "dotenv", "sql": "sql", "config": "ini", "shell": "sh"}


def render_markdown(report: Report) -> str:
    """The report as Markdown, with a line break at the end."""
    return printable("\n".join(_lines(report)) + "\n")


def _lines(report: Report) -> Iterator[str]:
    yield f"# plimsoll check --stage {report.stage}"
    yield ""
    yield f"**{escaped(report.last_line)}**"
    for result in report.found:
        yield ""
        yield from _finding(result)
    yield ""
    yield "| passed | not applicable | could not be checked | suppressed |"
    yield "|---|---|---|---|"
    counts = (report.passed, report.not_applicable, report.unknown, report.suppressed)
    yield f"| {' | '.join(str(len(results)) for results in counts)} |"
    if report.unknown:
        yield ""
        yield "Could not be checked:"
        yield ""
        for result in report.unknown:
            assert isinstance(result.verdict, CouldNot)
            words = f"{result.verdict.why} {result.verdict.fix}".strip()
            yield f"- {result.check.id}: {escaped(words)}"
    if report.suppressed:
        yield ""
        yield "Suppressed:"
        yield ""
        for result in report.suppressed:
            accepted = result.suppressed
            assert accepted is not None
            yield f"- {result.check.id} until {accepted.until}: {escaped(accepted.reason)}"


def _finding(result: Result) -> Iterator[str]:
    verdict, check = result.verdict, result.check
    assert isinstance(verdict, Found)
    yield f"## {result.level.name} [{check.id}]({page_path(check)}): {escaped(check.title)}"
    yield ""
    yield f"- found: {escaped(verdict.evidence)}"
    yield f"- means: {escaped(check.meaning)}"
    yield f"- do: {escaped(verdict.fix)}"
    for change in verdict.changes:
        yield ""
        yield from fenced(change.text, _LANGUAGE[change.kind])


def escaped(text: str) -> str:
    """The text on one line, with nothing in it that Markdown would take for its own."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def fenced(text: str, language: str) -> Iterator[str]:
    """The text as a block of code, between fences longer than any in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield f"{fence}{language}"
    yield from text.splitlines()
    yield fence
