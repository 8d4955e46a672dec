"""Works out the URL and the TLS of the database from settings that may contradict each other."""

from pathlib import Path

from sqlalchemy.engine import URL

from plimsoll.settings.drafting import Draft
from plimsoll.settings.drivers import DRIVERS, Dialect, missing
from plimsoll.settings.production import Production
from plimsoll.settings.tls import TlsMode, TlsSettings
from plimsoll.settings.urls import UrlReading, read_url, with_charset

DEFAULT_URL = "sqlite+aiosqlite:///plimsoll.db"

_MYSQL = DRIVERS["mysql+aiomysql"]
_MYSQL_NAMES = ("mysql_host", "mysql_user", "mysql_password", "mysql_database")


def derive_connection(draft: Draft, production: Production) -> tuple[URL, Dialect, TlsSettings | None] | None:
    """The URL, the dialect and the TLS; None where something is wrong, which the draft then knows."""
    reading = _read_place(draft, production)
    tls = _derive_tls(draft, reading)
    if reading.url is None or reading.driver is None:
        return None
    dialect = reading.driver.dialect
    if dialect == "sqlite" and tls is not None:
        draft.notes.append("TLS settings are ignored: SQLite is a file, not a server.")
        tls = None
    return reading.url, dialect, tls


def _read_place(draft: Draft, production: Production) -> UrlReading:
    if draft.is_given("database_url"):
        if draft.is_given("mysql_host"):
            draft.notes.append("MYSQL_* settings are ignored, since DATABASE_URL is set.")
        return _from_url(draft)
    if draft.is_given("mysql_host"):
        return _from_mysql_parts(draft)
    if production.active:
        draft.refuse(
            "database_url",
            f"is not set, nor is MYSQL_HOST, and this is production ({production.reason})",
            "set DATABASE_URL=mysql://user:password@host/database, "
            "or MYSQL_HOST, MYSQL_USER, MYSQL_PASSWORD and MYSQL_DATABASE",
        )
        return UrlReading()
    _note_default(draft)
    return read_url(DEFAULT_URL)


def _note_default(draft: Draft) -> None:
    draft.notes.append(
        "Neither DATABASE_URL nor MYSQL_HOST is set: the SQLite file plimsoll.db in the working directory is used."
    )
    stray = [draft.specs[name].name for name in _MYSQL_NAMES if draft.is_given(name)]
    if stray:
        draft.notes.append(f"{', '.join(stray)} set without MYSQL_HOST: ignored.")


def _from_url(draft: Draft) -> UrlReading:
    given = draft.values.get("database_url")
    if given is None:
        return UrlReading()
    reading = read_url(given.get_secret_value())
    for what, allowed in reading.wrong:
        draft.refuse("database_url", what, allowed)
    draft.notes += reading.notes
    return reading


def _from_mysql_parts(draft: Draft) -> UrlReading:
    for name in ("mysql_user", "mysql_database"):
        if not draft.is_given(name):
            draft.refuse(name, "is not set, but MYSQL_HOST is")
    if why := missing(_MYSQL):
        draft.refuse("mysql_host", why, "")
    parts = ("mysql_host", "mysql_port", "mysql_user", "mysql_password", "mysql_database")
    if draft.failed.intersection(parts):
        return UrlReading(driver=_MYSQL)
    host, port, user, password, database = (draft.values[name] for name in parts)
    # Built from parts, so that no character of the password needs an escape.
    url = URL.create(_MYSQL.scheme, user, password.get_secret_value() if password else None, host, port, database)
    return UrlReading(url=with_charset(url), driver=_MYSQL)


def _derive_tls(draft: Draft, reading: UrlReading) -> TlsSettings | None:
    files = {part: _file(draft, reading, part) for part in ("ca", "cert", "key")}
    mode = draft.values.get("ssl_mode")
    if mode is not None and "mode" in reading.tls_keys:
        _note_ignored(draft, "ssl_mode", reading.tls_keys["mode"])
    mode = mode or reading.ssl_mode or ("verify-full" if files["ca"] else "off")
    _check_pair(draft, reading, files)
    # Where TLS is off, files that are named are still looked at: switching it on must not be the test.
    tls = _checked(draft, reading, "require" if mode == "off" else mode, files)
    if mode != "off":
        if mode == "require" and files["ca"]:
            draft.notes.append("The CA file is not used: the TLS mode is require, which checks no certificate.")
        return tls
    if any(files.values()):
        draft.notes.append("TLS to the database is off, so its certificate and key files are not used.")
    return None


def _file(draft: Draft, reading: UrlReading, part: str) -> Path | None:
    path: Path | None = draft.values.get(f"ssl_{part}")
    if path is not None and part in reading.tls_keys:
        _note_ignored(draft, f"ssl_{part}", reading.tls_keys[part])
    return path or reading.ssl_files.get(part)


def _note_ignored(draft: Draft, attribute: str, key: str) -> None:
    draft.notes.append(f"{key} in DATABASE_URL is ignored, since {draft.specs[attribute].name} is set.")


def _check_pair(draft: Draft, reading: UrlReading, files: dict[str, Path | None]) -> None:
    for part, other in (("cert", "key"), ("key", "cert")):
        given = files[other] is not None or f"ssl_{other}" in draft.failed
        if given and files[part] is None and f"ssl_{part}" not in draft.failed:
            draft.refuse(f"ssl_{part}", f"is not set, but {_place(draft, reading, other)} is")


def _checked(draft: Draft, reading: UrlReading, mode: TlsMode, files: dict[str, Path | None]) -> TlsSettings | None:
    """TLS settings with their context made, so that a file that is wrong shows at start; None if one is."""
    tls = TlsSettings(mode, files["ca"], files["cert"], files["key"])
    wrong = tls.wrong_files()
    for error in wrong:
        if draft.is_given(f"ssl_{error.part}"):
            draft.refuse(f"ssl_{error.part}", error.what)
        else:
            draft.refuse("database_url", f"names a file as {reading.tls_keys[error.part]} that {error.what}", "")
    if wrong or (files["cert"] is None) != (files["key"] is None):
        return None
    tls.context()
    return tls


def _place(draft: Draft, reading: UrlReading, part: str) -> str:
    attribute = f"ssl_{part}"
    if draft.is_given(attribute):
        return draft.specs[attribute].name
    return f"{reading.tls_keys[part]} in DATABASE_URL"
