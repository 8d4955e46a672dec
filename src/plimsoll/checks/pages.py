"""The pages of `docs/checks/`, written from the checks themselves by `tools/write_check_pages.py`; a test compares."""

from collections.abc import Iterable
from pathlib import Path

from plimsoll.checks.check import Check
from plimsoll.checks.page import Page

DIRECTORY = "docs/checks"
INDEX = "README.md"


def page_path(check: Check) -> str:
    """Where its page is, from the root of the repository."""
    return f"{DIRECTORY}/{check.id}.md"


def page(check: Check) -> str:
    """The page of one check."""
    stages = " and ".join(f"`--stage {stage}`" for stage in ("before", "after") if stage in check.stages)
    tags = ", ".join(f"`{tag}`" for tag in sorted(check.tags))
    return (
        f"# {check.id}: {check.title}\n\n"
        f"Level: {check.level.name.lower()}. Asked by {stages}. Tags: {tags}.\n\n"
        f"{check.meaning}\n\n## What is looked at\n\n{check.about.strip()}\n\n"
        "## To accept it for a time\n\nIn `plimsoll-checks.toml` beside `pyproject.toml`:\n\n"
        f'```toml\n[{check.id}]\nreason = "why this is fine here"\nuntil = 2027-06-30\n```\n'
    )


def told(page: Page) -> str:
    """A page that no check belongs to."""
    return f"# {page.id}: {page.title}\n\n{page.about.strip()}\n"


def index(checks: Iterable[Check], others: Iterable[Page] = ()) -> str:
    """The list of all pages."""
    only_told = "".join(f"| [{other.id}]({other.id}.md) | told, not asked | {other.title} |\n" for other in others)
    rows = "".join(
        f"| [{check.id}]({check.id}.md) | {check.level.name.lower()} | {check.title} |\n" for check in checks
    )
    return (
        "# All checks\n\nWritten from the checks themselves by `tools/write_check_pages.py`. How they are run: "
        f"[check](../check.md).\n\n| id | level | what it finds |\n|---|---|---|\n{rows}{only_told}"
    )


def pages(checks: Iterable[Check], others: Iterable[Page] = ()) -> dict[str, str]:
    """The text of every file of the directory, by its name; `others` are pages without a check."""
    checks, others = tuple(checks), tuple(others)
    return {
        INDEX: index(checks, others),
        **{f"{check.id}.md": page(check) for check in checks},
        **{f"{other.id}.md": told(other) for other in others},
    }


def write_pages(directory: Path, checks: Iterable[Check], others: Iterable[Page] = ()) -> None:
    """Write them all, and remove those of checks that are no more."""
    wanted = pages(checks, others)
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.glob("*.md"):
        if old.name not in wanted:
            old.unlink()
    for name, text in wanted.items():
        (directory / name).write_text(text, encoding="utf-8")
