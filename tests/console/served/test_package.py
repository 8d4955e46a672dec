"""The files that the package has: whole, and within what the content security policy allows."""

import re
from pathlib import PurePosixPath

import pytest

from plimsoll.console.files import document, served

NAMES = ("console.html", "login.html")


def filled(name: str) -> str:
    """A document as browsers have it."""
    return document(name, csrf="c", role="reader", said="s", next="routes")


@pytest.mark.parametrize("name", NAMES)
def test_all_that_a_document_names_is_served(name: str) -> None:
    """Below `static/`, by relative addresses; its blanks are filled."""
    text = filled(name)
    named = re.findall(r'(?:src|href)="(static/[^"]+)"', text)
    assert named
    assert {path.removeprefix("static/") for path in named} <= set(served())
    assert not re.findall(r"\{\w+\}", text)


def test_all_that_a_script_imports_is_served() -> None:
    """By relative addresses too."""
    for path, file in served().items():
        if path.endswith(".js"):
            for name in re.findall(r'(?:\bfrom |\bimport |\bimport\()"([^"\n]+)"', file.content.decode()):
                parts = PurePosixPath(path).parent / name
                assert name.startswith("./"), f"{path} imports {name}"
                assert str(parts) in served(), f"{path} imports {name}"


@pytest.mark.parametrize("name", NAMES)
def test_a_document_has_no_script_or_style_within(name: str) -> None:
    """Nor loads anything from elsewhere: the policy would refuse it."""
    text = filled(name).lower()
    assert not re.findall(r"<style|\sstyle=|\son\w+=|javascript:|https?://|<base|<iframe|<object", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))
