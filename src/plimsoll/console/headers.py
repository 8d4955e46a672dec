"""What a request's headers say of the browser and the proxies that it came through."""

from ipaddress import ip_address

from plimsoll.asgi.clients import Trusted
from plimsoll.asgi.messages import Scope

LONGEST_ADDRESS = 60
READING = frozenset({"GET", "HEAD"})

_FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-real-ip")
_NAMES_OF_THIS_MACHINE = ("localhost", "127.0.0.1", "[::1]")
_USUAL_PORTS = {"http": ":80", "https": ":443"}


def header(scope: Scope, name: bytes) -> str | None:
    """The first of this name (lower case); None where there is none."""
    for found, value in scope["headers"]:
        if found == name:
            return bytes(value).decode("latin-1")
    return None


def cookies(scope: Scope, name: str) -> list[str]:
    """The values of all cookies of this name: another program on the same host name may have set one too."""
    whole = b";".join(value for found, value in scope["headers"] if found == b"cookie").decode("latin-1")
    pairs = (part.strip().partition("=") for part in whole.split(";"))
    return [value for key, _, value in pairs if key == name]


def address_of(scope: Scope) -> str:
    """Where a request comes from, fit for a log: a server may have it from a proxy's header."""
    peer = scope.get("client")
    text = str(peer[0])[:LONGEST_ADDRESS] if peer else "an unknown address"
    return "".join(char if char.isprintable() else "?" for char in text)


def is_encrypted(scope: Scope, trusted: Trusted) -> bool:
    """Whether the client came by https, to us or to a trusted proxy before us."""
    if scope.get("scheme") == "https":
        return True
    told = header(scope, b"x-forwarded-proto") if trusted.sent(scope) else None
    # Of several the last is the proxy's that is next to us.
    return told is not None and told.rpartition(",")[2].strip().lower() == "https"


def is_of_another_site(scope: Scope, trusted: Trusted) -> bool:
    """Whether a browser says that the request was made by a page of another site, which then is not to be carried out
    and its answer not to be read. A link that was followed is none of these; a program that is no browser says nothing.

    Sec-Fetch-Site says it best, since no page and no proxy changes it; browsers send it to https and to localhost. The
    way of net/http's CrossOriginProtection in Go.
    """
    origin, site = header(scope, b"origin"), header(scope, b"sec-fetch-site")
    if site is not None and (origin is not None or scope["method"] not in READING):
        return site != "same-origin"
    return origin is not None and not _is_ours(origin, scope, trusted)


def _is_ours(origin: str, scope: Scope, trusted: Trusted) -> bool:
    scheme, _, place = origin.lower().partition("://")
    if scheme not in _USUAL_PORTS or (scheme == "http" and is_encrypted(scope, trusted)):
        return False
    names = [header(scope, b"host"), header(scope, b"x-forwarded-host") if trusted.sent(scope) else None]
    return place in [name.lower().removesuffix(_USUAL_PORTS[scheme]) for name in names if name]


def is_from_here(scope: Scope) -> bool:
    """Whether a request comes from this machine and from no proxy on it, nor from a page of a browser that has another
    name resolved to this machine."""
    if any(name in _FORWARDED for name, _ in scope["headers"]):
        return False
    peer = scope.get("client")
    try:
        local = peer is not None and ip_address(peer[0]).is_loopback
    except ValueError:
        return False
    return local and _without_port(header(scope, b"host") or "") in _NAMES_OF_THIS_MACHINE


def _without_port(host: str) -> str:
    return host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0].lower()


def bearer(scope: Scope) -> bytes | None:
    """The token that a request bears."""
    found = header(scope, b"authorization")
    kind, _, token = (found or "").partition(" ")
    return token.strip().encode("latin-1") if kind.lower() == "bearer" else None
