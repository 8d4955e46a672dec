"""`plimsoll check`: is it safe to deploy; did the deployment work?"""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from time import time
from typing import Annotated

import typer

from plimsoll.checks.baseline import load, see_writable
from plimsoll.checks.check import Stage
from plimsoll.checks.comparison import Comparison, as_baseline, compare, fits
from plimsoll.checks.pages import page, told
from plimsoll.checks.registry import BY_ID, CHECKS, TOLD, check_of, select
from plimsoll.checks.render_comparison import comparison_json, comparison_markdown, comparison_text
from plimsoll.checks.render_json import render_json
from plimsoll.checks.render_junit import render_junit
from plimsoll.checks.render_markdown import render_markdown
from plimsoll.checks.render_text import render_text
from plimsoll.checks.runner import Report, run_checks
from plimsoll.checks.suppressions import read_suppressions
from plimsoll.checks.verdict import Level
from plimsoll.cli.gathering import gather
from plimsoll.cli.target import Named
from plimsoll.cli.visiting import keep, visiting, wishes_of, with_log
from plimsoll.errors import CommandError

TIMEOUT_S = 5.0
"""So long a source may take unless --timeout says otherwise: whoever waits in front of a terminal should not wait for
DB_CONNECT_TIMEOUT, whose 10 s are meant for a service that starts."""


class StageName(StrEnum):
    """When the question is asked."""

    BEFORE = "before"
    AFTER = "after"


class Format(StrEnum):
    """How the report is written."""

    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"
    MARKDOWN = "markdown"


class FailLevel(StrEnum):
    """From which level on a finding makes the exit status 1."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


def check(
    context: typer.Context,
    stage: Annotated[StageName, typer.Option(help="Before a deployment, or after it.")] = StageName.BEFORE,
    output_format: Annotated[
        Format, typer.Option("--format", help="For people, programs, build servers, pull requests.")
    ] = Format.TEXT,
    fail_level: Annotated[
        FailLevel, typer.Option(help="Findings of this level or above make the exit status 1.")
    ] = FailLevel.ERROR,
    only: Annotated[
        list[str] | None, typer.Option(metavar="ID|TAG", help="Ask only these; several times, or with commas.")
    ] = None,
    skip: Annotated[
        list[str] | None, typer.Option(metavar="ID|TAG", help="Do not ask these; several times, or with commas.")
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(metavar="TABLE.COLUMN", help="A column that must exist; several times, or with commas."),
    ] = None,
    url: Annotated[str | None, typer.Option(metavar="URL", help="After: the address of the running service.")] = None,
    release: Annotated[
        str | None, typer.Option(metavar="NAME", help="After: the release that should run, as RELEASE names it.")
    ] = None,
    endpoint: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="After: a page to ask; several times. Else the OpenAPI's.")
    ] = None,
    request_limit_ms: Annotated[
        float, typer.Option(metavar="MS", min=1, max=600_000, help="After: milliseconds that a page may take.")
    ] = 1000.0,
    log: Annotated[
        Path | None, typer.Option(metavar="FILE", help="After: the service's log, whose lines of trouble are counted.")
    ] = None,
    watch: Annotated[
        str | None, typer.Option(metavar="TIME", help="After: watch the memory for so long: 90s, 10m, 2h.")
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep this run's numbers in a file, for --against.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Compare with the numbers that --baseline has kept.")
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, max=600, help="Seconds that any one source of facts may take.")
    ] = TIMEOUT_S,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the report into this file, and its last line here.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show what passed and what does not apply, too.")] = False,
    explain: Annotated[
        str | None, typer.Option(metavar="ID", help="Show the page of one check, and ask nothing.")
    ] = None,
    show_list: Annotated[bool, typer.Option("--list", help="List all checks, and ask nothing.")] = False,
) -> None:
    """Look at the deployment: settings, files, application, database, host; after it, at the running service. Changes
    nothing.

    Exit status: 0 safe, 1 something at or above --fail-level was found, 2 something that matters could not be checked.
    What is accepted for a time stands in plimsoll-checks.toml, with a reason and a date.
    """
    if explain is not None:
        typer.echo(_explained(explain), nl=False)
        return
    if show_list:
        typer.echo("\n".join(_listed()))
        return
    named: Named = context.obj
    asked: Stage = "before" if stage is StageName.BEFORE else "after"
    checks = select(asked, _split(only), _split(skip))
    wishes = wishes_of(asked, url, release, endpoint, request_limit_ms, log, watch)
    # The import changes the directory.
    output, baseline, against = (path.absolute() if path else None for path in (output, baseline, against))
    if baseline is not None:
        see_writable(baseline)
    before = load(against) if against else None
    if before is not None:
        fits(before, asked)
    target = named.find()
    suppressions = read_suppressions(target.home if target else Path.cwd(), BY_ID)
    facts = gather(
        named,
        required=tuple(_split(require)),
        limit_s=timeout,
        more=visiting(wishes, timeout) if wishes is not None else None,
        whole=asked == "before",
    )
    if wishes is not None:
        facts = with_log(facts, wishes, before)
    report = Report(asked, run_checks(checks, facts, suppressions), Level[fail_level.name])
    now = as_baseline(facts, report, time())
    compared = compare(before, now) if before is not None else None
    try:
        if baseline is not None:
            keep(baseline, now)
    finally:
        # What a run has found is told, whatever becomes of its numbers.
        _write(_rendered(report, output_format, compared, verbose=verbose), report, output)
    raise typer.Exit(report.status)


def _split(words: list[str] | None) -> list[str]:
    return [part.strip() for word in words or () for part in word.split(",") if part.strip()]


def _explained(id: str) -> str:  # noqa: A002 - it is what checks call it
    """The page of this id, of a check or without one."""
    other = next((one for one in TOLD if one.id == id.strip().upper()), None)
    return told(other) if other is not None else page(check_of(id))


def _listed() -> Iterator[str]:
    for each in CHECKS:
        yield f"{each.id}  {each.level.name.lower():<8}  {each.title}  ({', '.join(sorted(each.tags))})"


def _rendered(report: Report, output_format: Format, compared: Comparison | None, *, verbose: bool) -> str:
    """The report; what was compared comes before it, so that its last line is the last of all. JUnit has no place
    for it."""
    if output_format is Format.JSON:
        return render_json(report, {"comparison": comparison_json(compared)} if compared is not None else None)
    if output_format is Format.JUNIT:
        return render_junit(report)
    if output_format is Format.MARKDOWN:
        return (f"{comparison_markdown(compared)}\n" if compared is not None else "") + render_markdown(report)
    return (f"{comparison_text(compared)}\n" if compared is not None else "") + render_text(report, verbose=verbose)


def _write(text: str, report: Report, output: Path | None) -> None:
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        typer.echo(text, nl=False)
        raise CommandError(f"The report cannot be written into {output}: {error.strerror or error}.") from error
    typer.echo(report.last_line)
