"""Workers of one host ask one another by letter: each is done once at most, whatever lies in the directory."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from plimsoll.errors import ActionError
from plimsoll.snapshot import letters
from plimsoll.snapshot.letters import Letters
from plimsoll.snapshot.post import Answering, Patience, SilentError, asked
from plimsoll.snapshot.shared import Shared
from tests.snapshot.samples import HEALTHY

PATIENCE = Patience(10.0, 10.0)
NONE = Patience(0.1, 10.0)
ONE, OTHER = "11-0000000a", "12-0000000b"


class Worker:
    """Does what it is asked for, and notes it."""

    def __init__(self, directory: Path) -> None:
        self.place = Shared(directory)
        self.done: list[tuple[str, Mapping[str, str]]] = []
        self.answering = Answering(self.do)

    async def do(self, what: str, words: Mapping[str, str]) -> Mapping[str, Any]:
        """By name."""
        self.done.append((what, words))
        if what == "refuse":
            raise ActionError("It is not to be.")
        if what == "fail":
            raise ValueError("a secret")
        if what == "wait":
            await asyncio.sleep(60)
        return {"done": what}

    @property
    def name(self) -> str:
        """Of its place."""
        return self.place._name


@asynccontextmanager
async def working(directory: Path) -> AsyncIterator[Worker]:
    """One that serves."""
    worker = Worker(directory)
    worker.place.begin()
    task = asyncio.create_task(
        worker.place.serve(lambda: HEALTHY, lambda question: worker.answering.begin(worker.place.letters, question))
    )
    try:
        yield worker
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await worker.answering.end()
        worker.place.end()


async def test_what_is_asked_of_one_is_done_by_that_one_and_answered(tmp_path: Path) -> None:
    """Its refusal too, in its words; an error of another kind is told without its text. Nothing is left."""
    async with working(tmp_path / "d") as one, working(tmp_path / "d") as two, working(tmp_path / "d") as three:
        mail = one.place.letters
        assert await asked(mail, two.name, "greet", {"who": "ä"}, PATIENCE) == {"done": "greet"}
        with pytest.raises(ActionError, match="It is not to be"):
            await asked(mail, two.name, "refuse", {}, PATIENCE)
        with pytest.raises(ActionError, match="the log of that worker has the reason"):
            await asked(mail, two.name, "fail", {}, PATIENCE)
        assert two.done == [("greet", {"who": "ä"}), ("refuse", {}), ("fail", {})]
        assert not one.done
        assert not three.done
        assert {path.suffix for path in (tmp_path / "d").iterdir()} == {".lock"}
        assert not [path for path in (tmp_path / "d").iterdir() if path.stat().st_mode & 0o077]


async def test_a_blocked_worker_does_not_do_later_what_nobody_waits_for(tmp_path: Path) -> None:
    """Who asked is told that it was not done, and so it stays."""
    async with working(tmp_path / "d") as one:
        blocked = Worker(tmp_path / "d")
        blocked.place.begin()
        with pytest.raises(SilentError, match="nothing was done, and nothing will be"):
            await asked(one.place.letters, blocked.name, "kill", {}, NONE)
        assert blocked.place.letters.taken() == []
        blocked.place.end()


async def test_who_waits_in_vain_for_what_was_begun_is_told_so(tmp_path: Path) -> None:
    """It may be done yet."""
    async with working(tmp_path / "d") as one, working(tmp_path / "d") as two:
        with pytest.raises(SilentError, match="may be done yet"):
            await asked(one.place.letters, two.name, "wait", {}, Patience(5.0, 5.0))


async def test_a_question_of_one_who_is_gone_is_taken_back(tmp_path: Path) -> None:
    """A browser that was closed asks for nothing any more."""
    async with working(tmp_path / "d") as one:
        other = Worker(tmp_path / "d")
        other.place.begin()
        task = asyncio.create_task(asked(one.place.letters, other.name, "kill", {}, PATIENCE))
        await asyncio.sleep(0.1)
        assert list((tmp_path / "d").glob("*.ask"))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert not list((tmp_path / "d").glob("*.ask"))
        other.place.end()


def two(directory: Path) -> tuple[Letters, Letters]:
    """Two workers' letters, without their places."""
    return Letters(directory, ONE), Letters(directory, OTHER)


def test_a_question_is_taken_once(tmp_path: Path) -> None:
    """And then cannot be taken back; one that was taken back cannot be taken."""
    one, other = two(tmp_path)
    number = one.ask(OTHER, "kill", {"holder": "1"})
    (question,) = other.taken()
    assert (question.sender, question.what, question.words) == (ONE, "kill", {"holder": "1"})
    assert other.taken() == []
    assert not one.withdraw(OTHER, number)
    assert one.withdraw(OTHER, one.ask(OTHER, "kill", {}))
    assert other.taken() == []
    other.reply(question, {"ok": 1})
    assert (one.answer(number), one.answer(number)) == ({"ok": 1}, None)


def test_a_directory_that_does_not_change_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five times a second, for ever."""
    one, other = two(tmp_path)
    os.utime(tmp_path, (time.time() - 9, time.time() - 9))
    assert other.taken() == []
    monkeypatch.setattr(Letters, "_entries", lambda _: pytest.fail("it was read"))
    assert other.taken() == []
    monkeypatch.undo()
    one.ask(OTHER, "kill", {})
    assert len(other.taken()) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff{",
        b"[" * 4_000,
        b"[]",
        b'{"what": 1, "words": {}}',
        b'{"what": "kill"}',
        b'{"what": "kill", "words": {"who": 1}}',
        json.dumps({"what": "kill", "words": {"who": "x" * 500}}).encode(),
        json.dumps({"what": "kill", "words": {"who": "x" * 5_000}}).encode(),
    ],
)
def test_a_broken_question_is_thrown_away(tmp_path: Path, content: bytes) -> None:
    """And those after it are read."""
    one, other = two(tmp_path)
    (tmp_path / f"{OTHER}.{ONE}.0000000000000000.ask").write_bytes(content)
    one.ask(OTHER, "kill", {})
    assert [question.what for question in other.taken()] == ["kill"]
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_letter_is_left_alone(tmp_path: Path) -> None:
    """Links, pipes and directories of a letter's name too: none is followed, none is waited for."""
    one, other = two(tmp_path)
    secret = tmp_path.parent / "secret"
    secret.write_text(json.dumps({"what": "kill", "words": {}}))
    (tmp_path / f"{OTHER}.{ONE}.{'1' * 16}.ask").symlink_to(secret)
    os.mkfifo(tmp_path / f"{OTHER}.{ONE}.{'2' * 16}.ask")
    (tmp_path / f"{OTHER}.{ONE}.{'3' * 16}.ask").mkdir()
    os.mkfifo(tmp_path / f"{ONE}.{'4' * 16}.answer")
    assert other.taken() == []
    assert one.answer("4" * 16) == {}
    assert secret.exists()


def test_an_old_question_is_not_done_and_what_nobody_took_is_removed(tmp_path: Path) -> None:
    """Who asked has gone; others' letters are removed when they are older still."""
    one, other = two(tmp_path)
    other.taken()
    for number, age_s in ((1, letters.TOO_OLD_S + 1), (2, 1)):
        path = tmp_path / f"{OTHER}.{ONE}.{number:016}.ask"
        path.write_text(json.dumps({"what": str(number), "words": {}}))
        os.utime(path, (time.time() - age_s, time.time() - age_s))
    for name in (f"{ONE}.{'5' * 16}.answer", f"{ONE}.{'5' * 16}.new", "notes.txt"):
        (tmp_path / name).write_text("{}")
        os.utime(tmp_path / name, (time.time() - letters.SWEPT_S - 1, time.time() - letters.SWEPT_S - 1))
    assert [question.what for question in other.taken()] == ["2"]
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    assert one.answer("5" * 16) is None


def test_questions_are_bounded(tmp_path: Path) -> None:
    """Those that wait for a worker, and those that it begins at one look."""
    one, other = two(tmp_path)
    for _ in range(letters.MOST_WAITING):
        one.ask(OTHER, "kill", {})
    with pytest.raises(Exception, match="32 questions wait"):
        one.ask(OTHER, "kill", {})
    counts = [len(other.taken()) for _ in range(5)]
    assert counts == [letters.MOST_AT_ONCE] * 4 + [0]


async def test_the_letters_of_a_dead_worker_go_with_it(tmp_path: Path) -> None:
    """Those for it and those from others that it had not read."""
    async with working(tmp_path / "d") as one:
        dead = Worker(tmp_path / "d")
        dead.place.begin()
        one.place.letters.ask(dead.name, "kill", {})
        assert dead.place._lock is not None
        os.close(dead.place._lock)
        assert one.place.places(f"{os.uname().nodename}:{os.getpid()}") == []
        assert {path.stem for path in (tmp_path / "d").iterdir()} == {one.name}
