"""Whose a request is, and how long it may take."""

from typing import Any

import pytest

from plimsoll.asgi.clients import AllowedTime, client_of, seconds_of


def scope(peer: str | None, *headers: tuple[str, str]) -> dict[str, Any]:
    """A request from `peer`."""
    pairs = [(name.encode(), value.encode()) for name, value in headers]
    return {"client": None if peer is None else (peer, 4711), "headers": pairs}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("not:an:address", "not:an:address", True),
        ("not:an:address", "neither:is:this", False),
        (None, None, True),
        ("", None, False),
    ],
)
def test_who_has_one_address_is_one_client_and_of_ipv6_who_has_one_network(
    one: str | None, other: str | None, same: bool
) -> None:
    """A subscriber has 2^64 addresses there."""
    assert (client_of(scope(one)) == client_of(scope(other))) is same


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2.5", 2.5),
        ("2.5s", 2.5),
        (" 2500ms ", 2.5),
        ("2500MS", 2.5),
        *((bad, None) for bad in ("", "s", "ms", "0", "-1", "nan", "inf", "1e999", "2.5m", "2.5ss", "2 5", "0x10")),
    ],
)
def test_a_time_is_seconds_or_milliseconds_and_anything_else_is_nothing(text: str, seconds: float | None) -> None:
    """A header that cannot be read is not worth refusing a request for."""
    assert seconds_of(text) == seconds


TRUSTED = ("10.0.0.0/8", "192.0.2.7", "2001:db8::/32")


@pytest.mark.parametrize("peer", ["10.1.2.3", "192.0.2.7", "2001:db8::1", "::ffff:10.1.2.3"])
def test_a_trusted_proxy_may_ask_for_less_and_not_for_more(peer: str) -> None:
    """Also one that a socket for both families shows as an IPv6 address."""
    allowed = AllowedTime(45, "X-Timeout", TRUSTED)
    assert allowed.of(scope(peer, ("x-timeout", "2.5"))) == 2.5
    assert allowed.of(scope(peer, ("x-timeout", "100"))) == 45
    assert allowed.of(scope(peer, ("x-timeout", "soon"))) == 45
    assert allowed.of(scope(peer)) == 45


@pytest.mark.parametrize("peer", ["11.1.2.3", "192.0.2.8", "2001:db9::1", "localhost", "", None])
def test_nobody_else_is_believed(peer: str | None) -> None:
    """Not even to ask for less."""
    assert AllowedTime(45, "X-Timeout", TRUSTED).of(scope(peer, ("x-timeout", "2.5"))) == 45


def test_without_a_limit_of_its_own_there_is_only_the_proxys() -> None:
    """REQUEST_TIMEOUT=0 is no limit."""
    assert AllowedTime(0, "X-Timeout", TRUSTED).of(scope("10.1.2.3", ("x-timeout", "2.5"))) == 2.5
    assert AllowedTime(0, "X-Timeout", TRUSTED).of(scope("11.1.2.3", ("x-timeout", "2.5"))) is None
    assert AllowedTime(0, "", ()).of(scope("10.1.2.3", ("x-timeout", "2.5"))) is None
