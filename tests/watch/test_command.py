"""`plimsoll watch --once` for scripts, and what the command says where it cannot show anything."""

import builtins
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plimsoll.snapshot.codec import from_json
from tests.cli.conftest import Ended
from tests.snapshot.samples import EXHAUSTED, FOUR_AS_ONE, HEALTHY
from tests.watch.conftest import TOKEN, Service

Command = Callable[..., Ended]


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an operator has it."""
    monkeypatch.setenv("OPS_TOKEN", TOKEN)


def test_a_healthy_service_is_0_and_one_in_trouble_1(plimsoll: Command, service: Service) -> None:
    """With the problem in the first line."""
    fine = plimsoll("watch", "--once", "--url", service.url)
    assert (fine.status, fine.out.splitlines()[0], fine.err) == (0, "Nothing is wrong.", "")
    service.snapshot = EXHAUSTED
    bad = plimsoll("watch", "--once", "--url", service.url)
    assert bad.status == 1
    assert bad.out.startswith(f"CRITICAL: {EXHAUSTED.problems[0].sentence}")
    assert "and 25 more" in bad.out


def test_programs_get_the_whole_snapshot(plimsoll: Command, service: Service) -> None:
    """As `/ops/snapshot` has it."""
    service.snapshot = EXHAUSTED
    ended = plimsoll("watch", "--once", "--format", "json", "--url", service.url)
    assert ended.status == 1
    found = from_json(json.loads(ended.out))
    assert (found.holders, found.problems) == (EXHAUSTED.holders, EXHAUSTED.problems)


def names(document: Any, above: str = "") -> Iterator[str]:
    """Each name in it, by the way to it, with what kind of value it has."""
    if isinstance(document, dict):
        for name, value in document.items():
            yield f"{above}{name}: {'text' if isinstance(value, str) else KINDS.get(type(value), 'number')}"
            yield from names(value, f"{above}{name}.")
    elif isinstance(document, list):
        for value in document:
            yield from names(value, f"{above}[].")


KINDS = {dict: "object", list: "list", bool: "truth", type(None): "nothing"}


def test_what_programs_read_stays_where_it_is(plimsoll: Command, service: Service) -> None:
    """Names may be added; one that is taken away, or is of another kind, is another format: raise the number, and write
    another file."""
    service.snapshot = FOUR_AS_ONE
    found = json.loads(plimsoll("watch", "--once", "--format", "json", "--url", service.url).out)
    assert found["format"] == 1
    known = Path(__file__).with_name("format_1.txt").read_text().splitlines()
    assert len(known) > 150
    assert set(known) <= set(names(found))


def test_one_worker_is_told_by_its_name(plimsoll: Command, service: Service) -> None:
    """And one that is not there is 2, with what the service says of it."""
    service.workers["web-1:4712"] = EXHAUSTED
    ended = plimsoll("watch", "--once", "--format", "json", "--url", service.url, "--worker", "web-1:4712")
    assert json.loads(ended.out)["pool"]["waiting"] == EXHAUSTED.pool.waiting
    ended = plimsoll("watch", "--once", "--url", service.url, "--worker", "web-9:1")
    assert (ended.status, ended.out) == (2, "")
    assert "There is no worker web-9:1." in ended.err


def test_without_an_answer_it_is_2_and_a_sentence(
    plimsoll: Command, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong token, none, and no service."""
    monkeypatch.setenv("OPS_TOKEN", "another-token-of-another-service")
    ended = plimsoll("watch", "--once", "--url", service.url)
    assert (ended.status, ended.out) == (2, "")
    assert "does not accept our token. Set OPS_TOKEN or OPS_READ_TOKEN" in ended.err
    assert "another-token" not in ended.err
    monkeypatch.delenv("OPS_TOKEN")
    assert "asks for a token, and there is none here" in plimsoll("watch", "--once", "--url", service.url).err
    service.stop()
    ended = plimsoll("watch", "--once", "--url", service.url, "--format", "json")
    assert (ended.status, ended.out) == (2, "")
    assert "Connection refused" in ended.err


def test_the_token_that_only_sees_is_enough(
    plimsoll: Command, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is sent where both are known."""
    service.token = "only-for-readers-01234"
    monkeypatch.setenv("OPS_READ_TOKEN", service.token)
    assert plimsoll("watch", "--once", "--url", service.url).status == 0
    assert {given for _, given in service.asked} == {f"Bearer {service.token}"}


def test_without_a_url_it_asks_where_the_settings_have_it(
    plimsoll: Command, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address for every interface is this machine's."""
    monkeypatch.setenv("PORT", str(service.port))
    monkeypatch.setenv("HOST", "0.0.0.0")
    service.snapshot = HEALTHY
    assert plimsoll("watch", "--once").status == 0


def test_a_wrong_command_line_is_told(plimsoll: Command) -> None:
    """What, and what to do."""
    assert "--format is for --once" in plimsoll("watch", "--format", "json").err
    assert "--url is wrong" in plimsoll("watch", "--once", "--url", "shop").err
    assert "This is no terminal. 'plimsoll watch --once'" in plimsoll("watch", "--url", "http://127.0.0.1:1").err


def test_without_textual_it_says_what_to_install(
    plimsoll: Command, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And `--once` goes on to work."""
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "textual":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest, **more)

    for name in [name for name in sys.modules if name.partition(".")[0] == "textual" or name == "plimsoll.watch.app"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr("plimsoll.cli.watch.is_terminal", lambda: True)
    ended = plimsoll("watch", "--url", service.url)
    assert ended.status == 2
    assert "pip install 'plimsoll[watch]'" in ended.err
    assert plimsoll("watch", "--once", "--url", service.url).status == 0
