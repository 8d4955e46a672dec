"""The settings of a running service: how long a request may take, how much may come in, what is kept free."""

from ipaddress import ip_network
from os.path import isabs

from pydantic import SecretStr

from plimsoll.settings.base import Settings
from plimsoll.settings.declaration import setting
from plimsoll.settings.drafting import Draft
from plimsoll.web.place import Place, read_place

KIB = 1024
MIB = 1024 * KIB
HOUR_S = 3_600


def _check_networks(texts: tuple[str, ...]) -> str | None:
    for text in texts:
        try:
            ip_network(text)
        except ValueError:
            return "has an entry that is neither an address nor a network such as 10.0.0.0/8"
    return None


def _check_header(name: str) -> str | None:
    good = all(char.isascii() and (char.isalnum() or char == "-") for char in name)
    return None if good else "has a character in it that no header's name has"


LEAST_TOKEN = 16
"""Characters of a token. Of hexadecimal digits that is 64 bits, which nobody guesses over a network (RFC 4086, 8.2)."""

LONGEST_RELEASE = 100

ALONE = "none"
"""OPS_SHARED_DIR: a worker shows itself alone."""


def _check_directory(text: str) -> str | None:
    return None if not text or (text.isprintable() and isabs(text)) else "is no absolute path"


def _check_token(token: SecretStr) -> str | None:
    text = token.get_secret_value()
    if len(text) < LEAST_TOKEN:
        return f"is shorter than {LEAST_TOKEN} characters"
    return None if text.isascii() and text.isprintable() and " " not in text else "has a character that no header takes"


def _check_release(release: str) -> str | None:
    if len(release) > LONGEST_RELEASE:
        return f"is longer than {LONGEST_RELEASE} characters"
    return None if release.isprintable() else "has a character that cannot be printed"


def _check_shared(path: str) -> str | None:
    return None if path in ("", ALONE) or path.startswith("/") else "is no path from the root on"


MOST_PEERS = 64
"""Hosts that are asked, each once a second, while somebody looks."""


def _check_peers(urls: tuple[str, ...]) -> str | None:
    if len(urls) > MOST_PEERS:
        return f"names more than {MOST_PEERS} hosts"
    for url in urls:
        try:
            read_place(url)
        except ValueError as error:
            return f"has an address that {error}"
    return None


class ServiceSettings(Settings):
    """What the web side of a service takes on. Frozen; every number has its unit in its name or is a count."""

    lookalike_prefixes = ("REQUEST_", "ADMISSION", "MEMORY_", "MAX_BODY", "TRUSTED_", "OPS_", "REPORTS_")

    request_timeout_s: float = setting(
        "REQUEST_TIMEOUT",
        default=45.0,
        ge=0,
        le=HOUR_S,
        unit="s",
        help="Longest time for a request until its response starts; below the proxy's (60 as a rule). 0 for no limit",
    )
    request_timeout_header: str = setting(
        "REQUEST_TIMEOUT_HEADER",
        default="",
        check=_check_header,
        allowed="the name of a header, or nothing",
        help="A header in which a trusted proxy may ask for less, in seconds (2.5) or milliseconds (2500ms)",
    )
    trusted_proxies: tuple[str, ...] = setting(
        "TRUSTED_PROXIES",
        default=(),
        check=_check_networks,
        allowed="addresses and networks, such as 127.0.0.1, 10.0.0.0/8",
        help="Whose REQUEST_TIMEOUT_HEADER is believed, and X-Forwarded-Proto and -Host for the console's cookie",
    )
    max_body_bytes: int = setting(
        "MAX_BODY_BYTES", default=MIB, ge=KIB, le=100 * KIB * MIB, unit="bytes", help="Largest request body"
    )
    min_rate_bytes: int = setting(
        "MIN_RATE",
        default=500,
        ge=0,
        le=MIB,
        unit="bytes/s",
        help="Bodies that come in, and responses that are read, more slowly than this are given up; 0 for no limit",
    )
    rate_grace_s: float = setting(
        "RATE_GRACE", default=20.0, ge=0.1, le=HOUR_S, unit="s", help="For so long MIN_RATE is not asked for"
    )
    header_timeout_s: float = setting(
        "HEADER_TIMEOUT",
        default=20.0,
        ge=0.1,
        le=HOUR_S,
        unit="s",
        help="Longest time for a request's header to be there, from the connection or the end of the last response",
    )
    max_client_connections: int = setting(
        "MAX_CLIENT_CONNECTIONS",
        default=0,
        ge=0,
        le=1_000_000,
        unit="connections",
        help="Most connections of clients to this process; 0 for as many as memory and open files allow",
    )
    admission: bool = setting(
        "ADMISSION", default=True, help="Whether requests that the database cannot carry are refused before their work"
    )
    admission_wait_s: float = setting(
        "ADMISSION_WAIT",
        default=0.1,
        ge=0.001,
        le=60.0,
        unit="s",
        help="The wait before the work that is still fine; a line that stays longer than this is cut",
    )
    memory_guard: bool = setting(
        "MEMORY_GUARD", default=True, help="Whether requests are refused while the memory that is left is short"
    )
    memory_reserve_bytes: int = setting(
        "MEMORY_RESERVE",
        default=16 * MIB,
        ge=0,
        le=100 * KIB * MIB,
        unit="bytes",
        help="Memory that is never used for new work",
    )
    memory_errors_to_exit: int = setting(
        "MEMORY_ERRORS_TO_EXIT",
        default=3,
        ge=0,
        le=12,
        unit="times",
        help="MemoryErrors so many times within a minute, 5 s apart, end the process in good order; 0 never",
    )
    shutdown_timeout_s: int = setting(
        "SHUTDOWN_TIMEOUT",
        default=30,
        ge=0,
        le=HOUR_S,
        unit="s",
        help="After a signal to stop, how long requests may go on; then they are cancelled and rolled back",
    )
    ops_shared_dir: str = setting(
        "OPS_SHARED_DIR",
        default="",
        check=_check_shared,
        allowed="the path of a directory from the root on, none, or nothing",
        help="Where workers of one host show themselves to one another; by default those of one parent, in /tmp",
    )
    ops_peers: tuple[str, ...] = setting(
        "OPS_PEERS",
        default=(),
        check=_check_peers,
        allowed="addresses of the service on its hosts, such as https://web2.example.com, http://10.0.0.3:8000",
        help="Other hosts that /ops/ shows as one with this one; each is asked while somebody looks",
    )
    release: str = setting(
        "RELEASE",
        default="",
        check=_check_release,
        allowed=f"text of at most {LONGEST_RELEASE} characters",
        help="Which release this is, as the deployment calls it; shown to operators, and compared by 'plimsoll check'",
    )
    reports_dir: str = setting(
        "REPORTS_DIR",
        default="",
        check=_check_directory,
        allowed="an absolute path, or nothing",
        help="Where black-box records are kept, read by 'plimsoll report'; empty for none",
    )
    ops_token: SecretStr | None = setting(
        "OPS_TOKEN",
        default=None,
        secret=True,
        check=_check_token,
        allowed=f"{LEAST_TOKEN} characters or more, without spaces",
        help="Lets its bearer see /ops/ and act there; without one nobody in production, in development this machine",
    )
    ops_read_token: SecretStr | None = setting(
        "OPS_READ_TOKEN",
        default=None,
        secret=True,
        check=_check_token,
        allowed=f"{LEAST_TOKEN} characters or more, without spaces",
        help="Lets its bearer see /ops/, and do nothing there; another one than OPS_TOKEN",
    )

    @classmethod
    def _derive(cls, draft: Draft) -> None:
        reader, operator = draft.values.get("ops_read_token"), draft.values.get("ops_token")
        if reader is not None and reader == operator:
            draft.refuse("ops_read_token", "is the same as OPS_TOKEN, so whoever may only see could act")
        peers = draft.values.get("ops_peers", ())
        draft.notes += _notes_on_peers([read_place(url) for url in peers], has_token=bool(reader or operator))


def _notes_on_peers(places: list[Place], *, has_token: bool) -> list[str]:
    """What keeps hosts from being seen, as far as their addresses tell it."""
    notes = [
        f"OPS_PEERS has {place.url}, a public address without TLS: the token is not sent there, since anybody on the "
        "way could read it. Write https://, or the host's private address."
        for place in places
        if place.scheme == "http" and place.is_public
    ]
    if not has_token and not all(place.is_here for place in places):
        notes.append(
            "OPS_PEERS names other hosts, and neither OPS_READ_TOKEN nor OPS_TOKEN is set: they let nobody see them "
            "without one. Set the same on all hosts."
        )
    return notes
