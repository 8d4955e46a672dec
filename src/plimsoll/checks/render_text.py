"""The report for people: what is wrong first, the worst at the top; then what is not known; the answer at the end."""

import textwrap
from collections.abc import Iterator

from plimsoll.capacity.wording import counted
from plimsoll.checks.pages import page_path
from plimsoll.checks.printable import printable
from plimsoll.checks.runner import Report, Result
from plimsoll.checks.verdict import Change, CouldNot, Found, NotApplicable, Passed

WIDTH = 110
REASON_CHARACTERS = 160
"""Of a reason that is shown without --verbose: its first sentence, as a rule."""

_WHERE = {
    "env": "into .env",
    "sql": "as SQL",
    "config": "into the server's configuration",
    "shell": "as a command",
}


def render_text(report: Report, *, verbose: bool = False) -> str:
    """The report as lines, with a line break at the end."""
    return printable("\n".join(_lines(report, verbose=verbose)) + "\n")


def _lines(report: Report, *, verbose: bool) -> Iterator[str]:
    for result in report.found:
        yield from _finding(result)
        yield ""
    yield _counts(report)
    if report.unknown:
        yield ""
        yield "could not be checked:"
        yield from _reasons(report.unknown, verbose=verbose)
    if report.suppressed:
        yield ""
        yield "suppressed:"
        for result in report.suppressed:
            accepted = result.suppressed
            assert accepted is not None
            yield f"  {result.check.id}  until {accepted.until}: {accepted.reason}"
    if verbose:
        yield from _all(report)
    yield ""
    yield report.last_line


def _finding(result: Result) -> Iterator[str]:
    verdict, check = result.verdict, result.check
    assert isinstance(verdict, Found)
    yield f"{result.level.name}  {check.id}  {check.title}"
    yield from _labelled("found", verdict.evidence)
    yield from _labelled("means", check.meaning)
    yield from _labelled("do", verdict.fix)
    for change in verdict.changes:
        yield from _change(change)
    yield from _labelled("see", f"plimsoll check --explain {check.id}, or {page_path(check)}")


def _labelled(label: str, text: str) -> Iterator[str]:
    """The text behind its label; its own lines are kept, long ones broken."""
    first, rest = f"  {label + ':':<7}", " " * 9
    for line in text.splitlines() or [""]:
        # What is set in by the text itself stays so.
        indent = " " * (len(line) - len(line.lstrip()))
        yield from textwrap.wrap(
            line.strip(),
            WIDTH,
            initial_indent=first + indent,
            subsequent_indent=rest + indent,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]
        first = rest


def _change(change: Change) -> Iterator[str]:
    notes = [_WHERE[change.kind], *([f"needs {change.privilege}"] if change.privilege else [])]
    yield f"         {', '.join(notes)}:"
    # Never broken: it is there to be copied.
    yield from (f"             {line}" for line in change.text.splitlines())
    for label, text in (("risk", change.risk), ("memory", change.memory)):
        if text:
            yield f"           {label}: {text}"
    if change.undo:
        first, *rest = change.undo.splitlines()
        yield f"           undo: {first}"
        yield from (f"                 {line}" for line in rest)


def _counts(report: Report) -> str:
    counts = [
        (len(report.found), "found"),
        (len(report.passed), "passed"),
        (len(report.not_applicable), "not applicable"),
        (len(report.unknown), "could not be checked"),
        (len(report.suppressed), "suppressed"),
    ]
    return f"{counted(len(report.results), 'check')}: " + ", ".join(
        f"{count} {what}" for count, what in counts if count
    )


def _reasons(results: tuple[Result, ...], *, verbose: bool) -> Iterator[str]:
    """The reasons with the checks that each one stopped: one cause often stops many."""
    by_reason: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        assert isinstance(result.verdict, CouldNot)
        by_reason.setdefault((result.verdict.why, result.verdict.fix), []).append(result)
    for (why, fix), stopped in by_reason.items():
        ids = ", ".join(result.check.id for result in stopped)
        reason = " ".join(why.split())
        reason = reason if verbose else _short(reason)
        # What helps is never cut: it is there to be copied.
        help_ = f"{'' if reason.endswith('.') else '.'} {' '.join(fix.split())}" if fix else ""
        yield from _wrapped(f"{ids}: {reason}{help_}")
        if verbose:
            for result in stopped:
                yield f"      {result.check.id} would say: {result.check.title}"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent="  ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )


def _short(text: str) -> str:
    return text if len(text) <= REASON_CHARACTERS else f"{text[:REASON_CHARACTERS].rsplit(' ', 1)[0]} ... (--verbose)"


def _all(report: Report) -> Iterator[str]:
    for title, results in (("passed:", report.passed), ("not applicable:", report.not_applicable)):
        if results:
            yield ""
            yield title
        for result in results:
            verdict = result.verdict
            assert isinstance(verdict, (Passed, NotApplicable))
            words = verdict.evidence if isinstance(verdict, Passed) else verdict.why
            yield from _wrapped(f"{result.check.id}  {' '.join(words.split())}")
