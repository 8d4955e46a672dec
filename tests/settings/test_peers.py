"""OPS_PEERS: what is an address of another host, what is refused, and what a person is told of it at start."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.settings import ServiceSettings
from tests.settings.reading import refused

TOKEN = "for-operators-only-0123"


def test_addresses_are_separated_by_commas() -> None:
    """As they are written; what is empty is none."""
    settings = ServiceSettings.from_env({"OPS_PEERS": "https://web2.example.com/, http://10.0.0.3:8000"}, None)
    assert settings.ops_peers == ("https://web2.example.com/", "http://10.0.0.3:8000")
    assert ServiceSettings.from_env({}, None).ops_peers == ()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("web2:8000", "does not begin with http:// or https:// and a host"),
        ("http://web2, ftp://web3", "does not begin with http:// or https:// and a host"),
        ("http://[web2", "cannot be read"),
        ("http://web2:80000", "cannot be read"),
        ("http://web2?token=1", "has more than host, port and path in it"),
        ("http://we b2", "has more than host, port and path in it"),
        ("https://ops:hunter2@web2", "has a user or a password in it; OPS_TOKEN is the way to be let in"),
        (",".join(f"http://web{number}" for number in range(65)), "names more than 64 hosts"),
    ],
)
def test_what_is_no_address_is_refused(text: str, what: str) -> None:
    """With what is wrong, and without a password that was written into it."""
    problem = refused(lambda: ServiceSettings.from_env({"OPS_PEERS": text}, None))["OPS_PEERS"]
    assert problem.what in (what, f"has an address that {what}")
    assert "hunter2" not in str(problem)


@given(st.text(st.sampled_from("ab:/@,?#[]% \"'\\"), min_size=3, max_size=12))
def test_no_password_is_shown_wherever_it_was_written(text: str) -> None:
    """Whatever is in it, and also where the rest is no URL."""
    password = f"zq{text}qz"
    for form in ("https://ops:{}@web2", "ops:{}@web2", "http://web1,http://ops:{}@web2/?a=b"):
        problem = refused(partial(ServiceSettings.from_env, {"OPS_PEERS": form.format(password)}, None))["OPS_PEERS"]
        assert password not in str(problem)
        assert repr(password)[1:-1] not in str(problem)


@pytest.mark.parametrize(
    ("peers", "token", "told"),
    [
        ("http://8.8.8.8:8000", TOKEN, "OPS_PEERS has http://8.8.8.8:8000, a public address without TLS"),
        ("http://[::ffff:8.8.8.8]", TOKEN, "a public address without TLS"),
        ("https://web2", None, "neither OPS_READ_TOKEN nor OPS_TOKEN is set"),
        ("https://8.8.8.8, http://10.0.0.3, http://100.64.0.3, http://[fd00::3]:80, http://web2", TOKEN, None),
        ("http://127.0.0.1:8001", None, None),
    ],
)
def test_what_keeps_hosts_from_being_seen_is_told_at_start(peers: str, token: str | None, told: str | None) -> None:
    """As far as the address tells it; a name in a private network is fine, and so is this machine in development."""
    tokens = {} if token is None else {"OPS_TOKEN": token}
    notes = ServiceSettings.from_env({"OPS_PEERS": peers, **tokens}, None).notes
    assert len(notes) == (told is not None)
    assert told is None or told in notes[0]
