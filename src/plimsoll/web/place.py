"""Where a service is, as a person has named it by a URL."""

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

from plimsoll.errors import CommandError

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a service is."""

    scheme: str
    host: str
    port: int
    prefix: str

    @property
    def url(self) -> str:
        """As it was given, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.prefix}"

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def is_private(self) -> bool:
        """Whether nobody on the way can read what is sent: TLS, or not leaving this machine."""
        return self.scheme == "https" or self.is_here

    @property
    def is_public(self) -> bool:
        """Whether it is an address of the whole internet; False for a name, which tells it only once it is found."""
        return is_public(self.host)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the whole internet. Those of machines, of private networks and of a provider's
    inside (100.64.0.0/10) are not; nor is what is no address."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inside = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return (inside or found).is_global


def read_place(url: str) -> Place:
    """The place that a URL names.

    Raises:
        ValueError: it is no such URL; says why without repeating it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("cannot be read") from None
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError("does not begin with http:// or https:// and a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("has a user or a password in it; OPS_TOKEN is the way to be let in")
    if parts.query or parts.fragment or not url.isprintable() or not _is_plain(parts):
        raise ValueError("has more than host, port and path in it")
    try:
        host = parts.hostname.encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError("has a host that is no name which could be looked up") from None
    return Place(parts.scheme, host, port or PORTS[parts.scheme], parts.path.rstrip("/"))


def place_of(url: str) -> Place:
    """The place that `--url` names.

    Raises:
        CommandError: it is no such URL.
    """
    try:
        return read_place(url)
    except ValueError as error:
        raise CommandError(
            f"--url is wrong: it {error}. Give the service's address, such as --url https://shop.example.com"
        ) from None


def _is_plain(parts: SplitResult) -> bool:
    return parts.path.isascii() and not any(char.isspace() for char in parts.netloc + parts.path)
