"""What is shipped from others is what their README says, and what is ours keeps to the policy."""

import re
from hashlib import sha256
from pathlib import Path

import pytest

from tests.console.service import STATIC

UPLOT = STATIC / "uplot"
AXE = Path(__file__).parent / "axe"
OURS = sorted(path for path in STATIC.iterdir() if path.suffix in (".js", ".html", ".css"))
FORBIDDEN = {
    ".js": r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|https?://(?!www\.w3\.org/2000/svg)",
    ".html": r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|https?://",
    ".css": r"@import|url\(|https?://",
}
"""What the Content-Security-Policy forbids, what makes elements of text, and other hosts."""


@pytest.mark.parametrize("directory", [UPLOT, AXE], ids=["uplot", "axe"])
def test_files_of_others_are_unchanged(directory: Path) -> None:
    """Each file beside the README has its sum there, the licence too."""
    sums = dict(
        reversed(line.split())
        for line in re.findall(r"^[0-9a-f]{64}  \S+$", (directory / "README.md").read_text(), re.MULTILINE)
    )
    found = {
        path.name: sha256(path.read_bytes()).hexdigest() for path in directory.iterdir() if path.name != "README.md"
    }
    assert found == sums
    assert "LICENSE" in found


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_nothing_of_ours_makes_elements_of_text_or_needs_another_host(path: Path) -> None:
    """Text is set as text; scripts and styles are files of the console."""
    assert re.findall(FORBIDDEN[path.suffix], path.read_text()) == []
