"""Writes docs/problems.md from the rules: python tools/write_problem_page.py (a test compares them)."""

from pathlib import Path

from plimsoll.snapshot.causes.page import page
from plimsoll.snapshot.diagnosis import RULES

if __name__ == "__main__":
    (Path(__file__).resolve().parents[1] / "docs" / "problems.md").write_text(page(RULES), encoding="utf-8")
