"""Who a request comes from, and how long a trusted proxy lets it take."""

import math
from collections.abc import Callable, Sequence
from ipaddress import IPv6Address, ip_address, ip_network

from plimsoll.asgi.messages import Scope

ClientOf = Callable[[Scope], str]

NETWORK_BITS = 64
"""One subscriber's part of an IPv6 address (RFC 6177): whoever has it has all its addresses."""


def client_of(scope: Scope) -> str:
    """The address of the peer, of IPv6 its network; one word for all who have none, as on a Unix socket."""
    peer = scope.get("client")
    if not peer:
        return "unknown"
    host: str = peer[0]
    return _network(host) if ":" in host else host


def _network(host: str) -> str:
    try:
        address = IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(int(address) >> (128 - NETWORK_BITS))


class Trusted:
    """The proxies whose headers are believed: addresses and networks."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = [ip_network(text) for text in networks]

    def sent(self, scope: Scope) -> bool:
        """Whether a request comes from one of them."""
        peer = scope.get("client")
        try:
            address = ip_address(peer[0]) if peer else None
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped  # of a socket for both families
        return address is not None and any(address in network for network in self._networks)


class AllowedTime:
    """How many seconds a request may take: the setting, or less where a trusted proxy's header says so."""

    def __init__(self, most_s: float, header: str, trusted: Sequence[str]) -> None:
        self._most_s = most_s or None
        self._header = header.lower().encode()
        self._trusted = Trusted(trusted)

    def of(self, scope: Scope) -> float | None:
        """Seconds; None without a limit."""
        asked_s = self._asked(scope) if self._header else None
        if asked_s is None:
            return self._most_s
        return asked_s if self._most_s is None else min(asked_s, self._most_s)

    def _asked(self, scope: Scope) -> float | None:
        for name, value in scope["headers"]:
            if name == self._header:
                return seconds_of(value.decode("latin-1")) if self._trusted.sent(scope) else None
        return None


def seconds_of(text: str) -> float | None:
    """`2.5`, `2.5s` or `2500ms`, in seconds; None for anything else, which is not worth refusing a request for."""
    text = text.strip().lower()
    unit = 0.001 if text.endswith("ms") else 1.0
    number = text.removesuffix("ms") if unit < 1 else text.removesuffix("s")
    try:
        seconds = float(number) * unit
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None
