"""Finds the setting that someone probably meant: DB_POOL_SZIE is DB_POOL_SIZE with a slip of the finger."""

import difflib
from collections.abc import Collection

CLOSE_ENOUGH = 0.85
"""difflib ratio. MYSQL_ROOT_PASSWORD and MYSQL_PASSWORD_FILE, which other programs use, are 0.848 from
MYSQL_PASSWORD and must not be taken for it."""


def lookalike(name: str, names: Collection[str], prefixes: tuple[str, ...]) -> str | None:
    """The one of `names` that `name` was probably meant to be, where it begins with one of `prefixes`."""
    folded = name.upper()
    if name in names or not folded.startswith(prefixes):
        return None
    close = difflib.get_close_matches(folded, names, n=1, cutoff=CLOSE_ENOUGH)
    return close[0] if close else None
