"""Reads DATABASE_URL: maps it to an async driver, takes the TLS keys out of it, and says what it changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from sqlalchemy.engine import URL

from plimsoll.settings.drivers import ALIASES, ALLOWED_SCHEMES, DRIVERS, Driver, missing
from plimsoll.settings.redaction import clear_url

MYSQL_CHARSET = "utf8mb4"
"""MySQL's name for all of Unicode; its "utf8" leaves out four-byte characters and fails on them."""

MAX_PORT = 65535

URL_FORM = "a URL of the form driver://user:password@host:port/database"

SslMode = Literal["off", "require", "verify-ca", "verify-full"]

_TLS_KEYS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("sslmode", "ssl_mode", "ssl-mode", "ssl"), "mode"),
        **dict.fromkeys(("sslrootcert", "ssl_ca", "ssl-ca"), "ca"),
        **dict.fromkeys(("sslcert", "ssl_cert", "ssl-cert"), "cert"),
        **dict.fromkeys(("sslkey", "ssl_key", "ssl-key"), "key"),
    }
)

_MODES: Mapping[str, SslMode] = MappingProxyType(
    {
        **dict.fromkeys(("disable", "disabled", "false", "0", "no", "off"), "off"),
        **dict.fromkeys(("allow", "prefer", "preferred"), "require"),
        **dict.fromkeys(("require", "required", "true", "1", "yes", "on"), "require"),
        **dict.fromkeys(("verify-ca", "verify_ca"), "verify-ca"),
        **dict.fromkeys(("verify-full", "verify_identity"), "verify-full"),
    }
)
_HALF_HEARTED = ("allow", "prefer", "preferred")

_MODES_ALLOWED = "disable, require, verify-ca or verify-full"


@dataclass(slots=True)
class UrlReading:
    """What a URL says. `url` is None where `wrong` has reasons to refuse it."""

    url: URL | None = None
    driver: Driver | None = None
    ssl_mode: SslMode | None = None
    ssl_files: dict[str, Path] = field(default_factory=dict)
    tls_keys: dict[str, str] = field(default_factory=dict)
    wrong: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def refuse(self, what: str, allowed: str = URL_FORM) -> None:
        """Add a reason to refuse the URL."""
        self.wrong.append((what, allowed))


def read_url(text: str) -> UrlReading:
    """Read DATABASE_URL. All that is wrong with it is in `wrong`; no word of it repeats the URL."""
    reading = UrlReading()
    if text != text.strip():
        reading.refuse("has a space or line break at its start or end")
        return reading
    url = clear_url(text)
    if url is None:
        reading.refuse(_why_unclear(text))
        return reading
    url = _map_scheme(reading, url)
    url = _take_tls(reading, url)
    url = _move_password(reading, url)
    _check_place(reading, url)
    if reading.driver is not None and not reading.wrong:
        reading.url = with_charset(url) if reading.driver.dialect == "mysql" else url
    return reading


def with_charset(url: URL) -> URL:
    """The URL with the character set that holds all of Unicode, unless it names one itself."""
    return url if "charset" in url.query else url.update_query_dict({"charset": MYSQL_CHARSET})


def _why_unclear(text: str) -> str:
    if "@" in text and "://" in text:
        return "has an @ or / too many: inside the user or the password write them as %40 and %2F"
    return "is not a URL whose parts can be told apart"


def _map_scheme(reading: UrlReading, url: URL) -> URL:
    scheme = ALIASES.get(url.drivername, url.drivername)
    reading.driver = DRIVERS.get(scheme)
    if reading.driver is None:
        reading.refuse("names no driver that is supported", ALLOWED_SCHEMES)
        return url
    if scheme != url.drivername:
        reading.notes.append(f"DATABASE_URL begins with {url.drivername}: the async driver {scheme} is used.")
    if why := missing(reading.driver):
        reading.refuse(why, "")
    return url.set(drivername=scheme)


def _take_tls(reading: UrlReading, url: URL) -> URL:
    """Take the TLS keys out of the query: drivers differ in them, and an SSL context is passed instead."""
    kept = dict(url.query)
    for key in [key for key in kept if key.lower().startswith("ssl")]:
        value = kept.pop(key)
        role = _TLS_KEYS.get(key)
        if role is None:
            reading.refuse(f"has the key {key}, which is not supported", f"{', '.join(_TLS_KEYS)}; or DB_SSL_*")
        elif role in reading.tls_keys or not isinstance(value, str):
            reading.refuse(f"has the key {key} twice, or once more under another name")
        else:
            reading.tls_keys[role] = key
            _take_tls_value(reading, role, key, value)
    # What libpq does: a root certificate turns "require" into a check of the certificate.
    if reading.ssl_mode == "require" and "ca" in reading.tls_keys:
        reading.ssl_mode = "verify-ca"
        reading.notes.append(
            f"DATABASE_URL has {reading.tls_keys['ca']}, so the server's certificate is checked (verify-ca)."
        )
    return url.set(query=kept)


def _take_tls_value(reading: UrlReading, role: str, key: str, value: str) -> None:
    if role != "mode":
        # libpq's word for "the certificates that the system trusts", which is our default.
        if (role, value) == ("ca", "system"):
            reading.ssl_mode = reading.ssl_mode or "verify-full"
        elif value:
            reading.ssl_files[role] = Path(value)
        return
    reading.ssl_mode = _MODES.get(value.lower())
    if reading.ssl_mode is None:
        reading.refuse(f"has a value of {key} that is not known", f"{key} {_MODES_ALLOWED}")
    elif value.lower() in _HALF_HEARTED:
        reading.notes.append(
            f"DATABASE_URL has {key}={value}, which may fall back to no encryption: require is used instead."
        )


def _move_password(reading: UrlReading, url: URL) -> URL:
    """Put a password from the query where SQLAlchemy looks for it, and hides it."""
    for key in ("password", "passwd"):
        value = url.query.get(key)
        if value is None:
            continue
        if url.password is not None or not isinstance(value, str):
            reading.refuse("has two passwords")
        url = url.difference_update_query([key]).set(password=str(value))
    return url


def _check_place(reading: UrlReading, url: URL) -> None:
    if url.port is not None and not 1 <= url.port <= MAX_PORT:
        reading.refuse(f"has a port that is not between 1 and {MAX_PORT}")
    if reading.driver is not None and reading.driver.dialect == "mysql" and not url.database:
        reading.refuse("names no database: it should end in /NAME")
    if reading.driver is not None and reading.driver.dialect == "sqlite" and url.host is not None:
        reading.refuse("names a host, but SQLite is a file", "sqlite:///file.db, or sqlite:////path/file.db")
