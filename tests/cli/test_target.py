"""Which application a command is about, and what it says where there is none to be had."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from plimsoll.cli.main import _options_first
from tests.cli.conftest import Ended

Command = Callable[..., Ended]


def pyproject(directory: Path, text: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "pyproject.toml").write_text(text)


@pytest.mark.parametrize("name", ["shop:app", "shop:database", "shop:holder.inner"])
def test_an_application_is_named_by_an_option(plimsoll: Command, shop: Path, name: str) -> None:
    """An app, a Database, or an attribute of an attribute."""
    ended = plimsoll("--app", name, "settings")
    assert ended.status == 0, ended.err
    assert "development: " in ended.out


def test_its_module_may_lie_elsewhere(plimsoll: Command, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--app-dir` names the directory that it is imported from; the current one stays what it is."""
    elsewhere = shop / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert plimsoll("--app", "shop:app", "settings").status == 2
    assert plimsoll("--app", "shop:app", "--app-dir", "..", "settings").status == 0
    assert Path.cwd() == elsewhere


@pytest.mark.parametrize("below", [".", "backend", "docs/deep/down"])
def test_an_application_is_named_by_pyproject(
    plimsoll: Command, tmp_path: Path, shop: Path, monkeypatch: pytest.MonkeyPatch, below: str
) -> None:
    """Found from any directory of the project, which is where .env and relative paths are looked for."""
    pyproject(tmp_path, '[tool.plimsoll]\napp = "shop:app"\napp-dir = "backend"\n')
    (tmp_path / ".env").write_text("DB_POOL_SIZE=11\n")
    (tmp_path / "docs/deep/down").mkdir(parents=True)
    # One of another tool, on the way up, is passed by.
    pyproject(tmp_path / "docs", '[project]\nname = "docs"\n')
    (tmp_path / "backend").mkdir()
    (tmp_path / "shop.py").rename(tmp_path / "backend" / "shop.py")
    monkeypatch.chdir(tmp_path / below)
    ended = plimsoll("settings")
    assert ended.status == 0, ended.err
    assert "DB_POOL_SIZE = 11 connections   (.env:1)" in ended.out


def test_an_option_wins_over_pyproject(plimsoll: Command, tmp_path: Path, shop: Path) -> None:
    """What is typed is what is meant."""
    pyproject(tmp_path, '[tool.plimsoll]\napp = "nothing:here"\n')
    assert plimsoll("--app", "shop:database", "settings").status == 0


HOW = "plimsoll --app app.main:app"
WRONG = {
    "no colon": ("shop", "'shop' does not name an application"),
    "no module": ("harbour.main:app", "There is no module 'harbour'"),
    "no attribute": ("shop:application", "has no 'application'"),
    "no attribute of an attribute": ("shop:holder.outer", "has no 'holder.outer'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_name_that_leads_nowhere_ends_with_2_and_says_how_to_name_one(
    plimsoll: Command, shop: Path, case: str
) -> None:
    """What was looked for, where, and what it should be."""
    name, words = WRONG[case]
    ended = plimsoll("--app", name, "migrate")
    assert ended.status == 2
    assert ended.err.startswith("plimsoll: ")
    assert words in ended.err
    assert HOW in ended.err


def test_without_any_application_it_says_how_to_name_one(plimsoll: Command, tmp_path: Path) -> None:
    """No option, and no pyproject.toml from here up to the root."""
    ended = plimsoll("migrate")
    assert ended.status == 2
    assert ended.err.startswith("plimsoll: Which application? ")
    assert HOW in ended.err


@pytest.mark.parametrize("name", ["shop:bare", "shop:holder"])
def test_an_application_without_plimsoll_is_told_what_is_missing(plimsoll: Command, shop: Path, name: str) -> None:
    """A FastAPI without `install`, or something else altogether."""
    ended = plimsoll("--app", name, "migrate")
    assert ended.status == 2
    assert "that Plimsoll is not installed in. Call 'install(app, database)'" in ended.err


BROKEN = {
    "a missing module": ("import nothing_of_this_name", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
    "a missing submodule": ("import shop.inner", "ModuleNotFoundError: No module named 'shop.inner'"),
    "an exception": ("raise ValueError('no wind')", "ValueError: no wind"),
    "an error of syntax": ("def app(:", "SyntaxError"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_an_error_inside_the_application_is_said_with_its_line(plimsoll: Command, shop: Path, case: str) -> None:
    """The kind, the words and the line of the application's own file; not a screen of import machinery."""
    line, words = BROKEN[case]
    (shop / "shop.py").write_text(f"import json\n{line}\n")
    ended = plimsoll("--app", "shop:app", "migrate")
    assert ended.status == 2
    assert "The application 'shop:app' cannot be imported: " in ended.err
    assert words in ended.err
    assert f"({shop / 'shop.py'}, line 2)" in ended.err
    assert len(ended.err.splitlines()) == 1


def test_the_whole_traceback_is_there_for_whoever_asks(
    shop: Path, plimsoll: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PLIMSOLL_TRACEBACK lets the error through."""
    from plimsoll.cli import main
    from plimsoll.errors import CommandError

    (shop / "shop.py").write_text("raise ValueError('no wind')")
    assert "PLIMSOLL_TRACEBACK=1" in plimsoll("--app", "shop:app", "migrate").err
    monkeypatch.setenv("PLIMSOLL_TRACEBACK", "1")
    with pytest.raises(CommandError):
        main()


PYPROJECTS = {
    "not TOML": ("[tool.plimsoll\n", "cannot be read"),
    "no app": ("[tool.plimsoll]\napp-dir = 'x'\n", "it has no 'app'"),
    "a wrong name": ("[tool.plimsoll]\napp = 'shop:app'\napp_dir = 'x'\n", "'app_dir' is not a text under one of the"),
    "a wrong type": ("[tool.plimsoll]\napp = 3\n", "'app' is not a text"),
}


@pytest.mark.parametrize("case", PYPROJECTS)
def test_a_pyproject_that_is_wrong_is_named(plimsoll: Command, tmp_path: Path, case: str) -> None:
    """The file, what is wrong with it, and how it should be."""
    text, words = PYPROJECTS[case]
    pyproject(tmp_path, text)
    ended = plimsoll("settings")
    assert ended.status == 2
    assert str(tmp_path / "pyproject.toml") in ended.err
    assert words in ended.err


def test_a_pyproject_that_is_no_text_is_named(plimsoll: Command, tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are an error of the file, and not of ours."""
    (tmp_path / "pyproject.toml").write_bytes(b"\xff\xfe[tool]")
    ended = plimsoll("settings")
    assert ended.status == 2
    assert "pyproject.toml cannot be read" in ended.err


def test_a_tool_table_of_another_kind_is_passed_by(plimsoll: Command, tmp_path: Path) -> None:
    """`tool` need not be a table at all."""
    pyproject(tmp_path, "tool = 3\n")
    assert plimsoll("settings").status == 0


def test_an_error_that_nobody_thought_of_is_one_line_too(
    plimsoll: Command, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of the program ends with 2, its kind and words, and how to see where it was."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError("by the tide")

    monkeypatch.setattr(os, "chdir", fail)
    ended = plimsoll("--app", "shop:app", "settings")
    assert ended.status == 2
    assert ended.err.startswith("plimsoll: This should not happen: ZeroDivisionError: by the tide.")


def test_the_options_may_stand_behind_the_command() -> None:
    """`plimsoll settings --app x:y` is what many write first."""
    assert _options_first(["serve", "--app", "a:b", "--app-dir=c"]) == ["--app", "a:b", "--app-dir=c", "serve"]
    assert _options_first(["admin", "create", "--email", "x@y.z"]) == ["admin", "create", "--email", "x@y.z"]
    assert _options_first(["serve", "--app"]) == ["--app", "serve"]
