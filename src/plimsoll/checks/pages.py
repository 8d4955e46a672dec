"""The pages of `docs/checks/`, written from the checks themselves by `tools/write_check_pages.py`; a test compares."""

from collections.abc import Iterable
from pathlib import Path

from plimsoll.checks.check import Check

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


def index(checks: Iterable[Check]) -> str:
    """The list of all pages."""
    rows = "".join(
        f"| [{check.id}]({check.id}.md) | {check.level.name.lower()} | {check.title} |\n" for check in checks
    )
    return (
        "# All checks\n\nWritten from the checks themselves by `tools/write_check_pages.py`. How they are run: "
        f"[check](../check.md).\n\n| id | level | what it finds |\n|---|---|---|\n{rows}"
    )


def pages(checks: Iterable[Check]) -> dict[str, str]:
    """The text of every file of the directory, by its name."""
    checks = tuple(checks)
    return {INDEX: index(checks), **{f"{check.id}.md": page(check) for check in checks}}


def write_pages(directory: Path, checks: Iterable[Check]) -> None:
    """Write them all, and remove those of checks that are no more."""
    wanted = pages(checks)
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.glob("*.md"):
        if old.name not in wanted:
            old.unlink()
    for name, text in wanted.items():
        (directory / name).write_text(text, encoding="utf-8")
