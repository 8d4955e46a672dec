"""Writes docs/checks/ from the checks: python tools/write_check_pages.py (a test compares them)."""

from pathlib import Path

from plimsoll.checks.pages import write_pages
from plimsoll.checks.registry import CHECKS, TOLD

if __name__ == "__main__":
    write_pages(Path(__file__).resolve().parents[1] / "docs" / "checks", CHECKS, TOLD)
