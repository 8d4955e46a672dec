"""Sessions: nobody makes one up, changes one, or has one for longer than it lasts."""

import hmac
import time
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from plimsoll.console.sessions import ENDED_REMEMBERED, LASTS_S, Role, Sessions
from plimsoll.snapshot.together import Together
from tests.snapshot.samples import HEALTHY

OPERATOR, READER = b"operators-token-0123456789", b"readers-token-0123456789"


def sessions(operator: bytes = OPERATOR, reader: bytes = READER, now: float = 1_000.0) -> Sessions:
    """Those of a service at one moment."""
    return Sessions({Role.OPERATOR: operator, Role.READER: reader}, lambda: now)


def test_every_worker_with_the_same_tokens_accepts_a_session() -> None:
    """With the same role and the same value against forged requests."""
    begun = sessions().begin(Role.OPERATOR)
    found = sessions().read(begun.text)
    assert found == begun
    assert begun.text != sessions().begin(Role.OPERATOR).text
    assert begun.csrf not in begun.text


def test_no_character_of_a_session_can_be_changed() -> None:
    """Nor can one be left out or added."""
    text = sessions().begin(Role.READER).text
    for place, char in enumerate(text):
        for other in {"A", "0", ".", "r"} - {char}:
            assert sessions().read(text[:place] + other + text[place + 1 :]) is None
        assert sessions().read(text[:place] + text[place + 1 :]) is None
    for odd in (
        "",
        ".",
        "...",
        "operator",
        text + "A",
        text + "=",
        text * 2,
        "é" + text,
        text.replace("r", "\xff"),
        "." * 300,
    ):
        assert sessions().read(odd) is None


@pytest.mark.parametrize(
    "expires", ["9999999999", "-1", "1e9", "٣", "0x7fffffff", "", "9" * 150], ids=lambda text: text[:12] or "none"
)
def test_an_expiry_of_ones_own_is_refused(expires: str) -> None:
    """Whatever it is taken for."""
    role, _, identity, code = sessions().begin(Role.OPERATOR).text.split(".")
    assert sessions().read(f"{role}.{expires}.{identity}.{code}") is None


def test_a_reader_cannot_become_an_operator() -> None:
    """Neither by the word, nor by signing an operator's session with the reader's token, which a reader knows."""
    text = sessions().begin(Role.READER).text
    assert sessions().read(text.replace("reader", "operator")) is None
    for label in (b"plimsoll console session reader\0", b"plimsoll console session operator\0"):
        key = hmac.digest(READER, label, "sha256")
        signed = f"operator.{1_000 + LASTS_S}.identity"
        code = urlsafe_b64encode(hmac.digest(key, signed.encode(), "sha256")).rstrip(b"=").decode()
        assert sessions().read(f"{signed}.{code}") is None


def test_a_session_ends_after_its_time() -> None:
    """And not before."""
    text = sessions().begin(Role.READER).text
    assert sessions(now=1_000 + LASTS_S - 1).read(text) is not None
    assert sessions(now=1_000 + LASTS_S).read(text) is None


def test_another_token_ends_the_sessions_of_the_one_before() -> None:
    """Those of the other role go on."""
    operator, reader = sessions().begin(Role.OPERATOR).text, sessions().begin(Role.READER).text
    changed = sessions(operator=b"another-token-0123456789")
    assert changed.read(operator) is None
    assert changed.read(reader) is not None
    assert Sessions({Role.OPERATOR: OPERATOR}, time.time).read(reader) is None


def test_a_session_that_was_ended_is_over_and_the_memory_of_it_bounded() -> None:
    """As somebody who signs in and out without end finds."""
    all_of_them = sessions()
    begun = all_of_them.begin(Role.READER)
    all_of_them.end(begun)
    assert all_of_them.read(begun.text) is None
    for _ in range(ENDED_REMEMBERED + 5):
        all_of_them.end(all_of_them.begin(Role.READER))
    assert len(all_of_them._ended) == ENDED_REMEMBERED


async def test_a_session_that_ends_in_one_worker_has_ended_in_all_of_its_host(tmp_path: Path) -> None:
    """Also in one that begins later; what they tell one another is no session."""
    workers = [Together(str(tmp_path / "d"), lambda: HEALTHY) for _ in range(3)]
    one, two, late = (Sessions({Role.OPERATOR: OPERATOR}, lambda: 1_000.0, each) for each in workers)
    workers[0].begin()
    workers[1].begin()
    gone, stays = one.begin(Role.OPERATOR), one.begin(Role.OPERATOR)
    assert two.read(gone.text) == gone
    one.end(gone)
    workers[2].begin()
    for each in (one, two, late):
        assert each.read(gone.text) is None
        assert each.read(stays.text) == stays
    told = (tmp_path / "d" / "ended").read_bytes()
    assert len(told) == 65
    assert not any(part.encode() in told for part in gone.text.split("."))
    for together in workers:
        await together.end()
    assert one.read(gone.text) is None
