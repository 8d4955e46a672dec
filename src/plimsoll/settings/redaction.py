"""Keeps passwords out of everything that is shown. It would rather hide too much than too little."""

import re

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

HIDDEN = "***"

SHOWN_AT_MOST = 120
"""Characters of a wrong value that are shown: enough to recognise it, too few to flood a log."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+_-]{0,40})://")
_CREDENTIALS = re.compile(r"(://|:).*@", re.DOTALL)
_SECRET_KEY = re.compile(r"pass|pwd|secret|token|credential", re.IGNORECASE)

# URL.render_as_string() percent-encodes `*` in a query, so a word stands in for it until the text is made.
_STAND_IN = "hidden-by-plimsoll"


def clear_url(text: str) -> URL | None:
    """The URL that `text` is, or None where its parts cannot be told apart with certainty.

    A raw `@` in a password is the usual reason: SQLAlchemy then takes the rest of the password for the host.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        return None
    if url.drivername.startswith("sqlite") and url.host is None:
        return url
    # With one @ and a user before it, the password is all between the first colon and that @.
    certain = "@" not in text or (text.count("@") == 1 and url.username is not None)
    return url if certain else None


def render_safely(url: URL) -> str:
    """The URL with the password, and every query value whose key looks like one, replaced by `***`."""
    query = {key: _STAND_IN if _SECRET_KEY.search(key) else value for key, value in url.query.items()}
    shown = url.set(query=query).render_as_string(hide_password=True)
    return shown.replace(_STAND_IN, HIDDEN)


def redact_url(text: str) -> str:
    """`text` fit to be shown: its password hidden, or all but the scheme where it is not clearly a URL."""
    url = clear_url(text)
    if url is not None:
        return render_safely(url)
    scheme = _SCHEME.match(text)
    return f"{scheme[1]}://{HIDDEN}" if scheme else HIDDEN


def hide_credentials(text: str) -> str:
    """`text` without what stands between a colon and an @, for values that should have no password in them."""
    return _CREDENTIALS.sub(rf"\1{HIDDEN}@", text)


def shorten(text: str) -> str:
    """`text`, cut where it is longer than a line of a message should be."""
    return text if len(text) <= SHOWN_AT_MOST else f"{text[:SHOWN_AT_MOST]}... ({len(text)} characters)"


def hide_within(text: str, secrets: list[str]) -> str:
    """`text` without any of `secrets`, for words that an application's own check has written."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text
