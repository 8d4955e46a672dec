"""PL015 and PL016: the way to a remote database is encrypted, and its certificate checked."""

from ipaddress import ip_address

from plimsoll.checks.check import Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.verdict import Change, Found, Level, NotApplicable, Passed, Verdict

TAGS = frozenset({"access", "tls"})


def _encrypted(facts: Facts) -> Verdict:
    settings = facts.settings.value
    near = _near(facts)
    if near:
        return NotApplicable(near)
    if facts.server.known:
        spoken = facts.server.value.tls
        if spoken:
            return Passed(f"the connection speaks {spoken}")
        evidence = f"the connection to {settings.url.host} is not encrypted"
    elif settings.tls is not None:
        return Passed(f"settings demand TLS ({settings.tls.mode})")
    else:
        evidence = f"settings do not ask for TLS to {settings.url.host}"
    return Found(
        f"{evidence}, which is not this machine",
        "Name the certificates that sign the server's: TLS is then used, and the certificate checked.",
        (
            Change("env", "DB_SSL_MODE=verify-full", undo="DB_SSL_MODE=off", name="DB_SSL_MODE", value="verify-full"),
            Change("env", "DB_SSL_CA=/path/to/ca.pem", name="DB_SSL_CA", value="/path/to/ca.pem"),
        ),
    )


def _verified(facts: Facts) -> Verdict:
    settings = facts.settings.value
    near = _near(facts)
    if near:
        return NotApplicable(near)
    if settings.tls is None:
        return NotApplicable("TLS is off (PL015)")
    mode = settings.tls.mode
    if mode == "verify-full":
        return Passed("the certificate and the host's name in it are checked (verify-full)")
    unchecked = (
        "no certificate is checked" if mode == "require" else "the host's name in the certificate is not checked"
    )
    return Found(
        f"DB_SSL_MODE is {mode}: {unchecked}",
        "Have both checked. DB_SSL_CA names the certificates that sign the server's where the system has none.",
        (
            Change(
                "env",
                "DB_SSL_MODE=verify-full",
                undo=f"DB_SSL_MODE={mode}",
                name="DB_SSL_MODE",
                value="verify-full",
                old=mode,
            ),
        ),
        level=Level.WARNING if mode == "verify-ca" else None,
    )


def _near(facts: Facts) -> str:
    """Why nobody between us and the database could listen; empty where somebody could."""
    settings = facts.settings.value
    if settings.dialect == "sqlite":
        return "SQLite is a file, not a server"
    if facts.server.known and facts.server.value.is_local:
        return "the server is on this machine"
    host = settings.url.host
    if host is None or host.startswith("/") or "unix_socket" in settings.url.query:
        return "the server is reached by a socket of this machine"
    return f"{host} is this machine" if _is_loopback(host) else ""


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


CHECKS: tuple[Check, ...] = (
    Check(
        "PL015",
        "The connection to a remote database is not encrypted",
        Level.ERROR,
        TAGS,
        "Whoever is on the way reads the data, and may change it.",
        """\
What our own connection speaks, as the server tells it; where it could not be asked, what the settings demand. A server
is remote unless it is on this machine: a socket, a loopback address, or a server that is known to be here. A private
network counts as remote: it is shared with other machines.

`DB_SSL_CA` alone switches `verify-full` on; see [settings](../settings.md).

Suppress it where the network itself encrypts, such as a WireGuard tunnel or a sidecar.
""",
        _encrypted,
    ),
    Check(
        "PL016",
        "The database's certificate is not checked",
        Level.ERROR,
        TAGS | {"classic"},
        "Whoever can answer in the server's place is taken for it, and given the password.",
        """\
`require` encrypts to whoever answers. `verify-ca` accepts any host with a certificate of that authority, which is a
warning, since with a private authority it is only your own servers. `verify-full` checks the host's name too.

Suppress `verify-ca` where the server's certificate names another host than the one it is reached by.
""",
        _verified,
    ),
)
