"""Names in settings: of hosts, accounts and connections, and what is wrong with one that cannot be any."""

from ipaddress import IPv6Address


def check_host(host: str) -> str | None:
    """What is wrong with the name or address of a server; None where nothing is."""
    if not host or any(char.isspace() or char in "/@?#[]" for char in host):
        return "is empty, or has a space or another character in it that no host name has"
    if ":" not in host:
        return None
    try:
        IPv6Address(host)
    except ValueError:
        return "has a colon in it: the port is set by MYSQL_PORT"
    return None


def check_not_empty(text: str) -> str | None:
    """What is wrong with a name that may be any text."""
    return None if text else "is empty"


def check_application_name(name: str) -> str | None:
    """What is wrong with the name that connections carry on the server."""
    # PostgreSQL cuts the name at 63 bytes and replaces what is not printable ASCII.
    fits = 1 <= len(name) <= 63 and name.isascii() and name.isprintable()
    return None if fits else "is empty, longer than 63 characters, or not printable ASCII"
