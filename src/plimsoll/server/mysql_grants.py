"""What SHOW GRANTS of MySQL and MariaDB says, taken apart: without password hashes, and which powers it gives."""

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"""'(?:[^'\\]|\\.|'')*(?:'|\Z)|`(?:[^`]|``)*(?:`|\Z)|"(?:[^"\\]|\\.|"")*(?:"|\Z)|[^\s'"`]+|\s+""", re.DOTALL
)
_HASH = re.compile(r"""\*[0-9A-Fa-f]{8,}|\$[A-Za-z0-9]{1,8}\$[^\s'"`]*|0x[0-9A-Fa-f]{16,}""")
_NAME = r"(?:`(?:[^`]|``)*`|'[^']*'|[^\s.]+)"
_ON = re.compile(
    r"GRANT (?P<rights>.+?) ON (?:(?:TABLE|FUNCTION|PROCEDURE|PACKAGE|PACKAGE BODY) )?"
    rf"(?P<where>{_NAME})(?:\.{_NAME})?(?: TO |\Z)",
    re.IGNORECASE,
)
_ROLE = re.compile(r"GRANT (?P<roles>.+?) TO ", re.IGNORECASE)
_LIMIT = re.compile(r"\bMAX_USER_CONNECTIONS (\d{1,10})\b", re.IGNORECASE)
_IN_BRACKETS = re.compile(r"\([^)]*\)?")

_EVERYWHERE = ("*", "%")
_SYSTEM_DATABASE = "mysql"
"""Who may write there makes himself an administrator."""


def without_hashes(grant: str) -> str:
    """A grant without anything that follows IDENTIFIED, up to what it is required or limited to."""
    kept: list[str] = []
    dropping, after_identified = False, False
    for token in _TOKEN.findall(grant):
        word = token.upper()
        if word == "IDENTIFIED":
            dropping, after_identified = True, True
            continue
        # IDENTIFIED WITH 'plugin' has the word as well.
        if dropping and word in ("REQUIRE", "WITH") and not after_identified:
            dropping = False
        if not token.isspace():
            after_identified = False
        if not dropping:
            kept.append(token)
    # A server that answers otherwise than any known: nothing that looks like a hash is kept.
    return _HASH.sub("...", " ".join("".join(kept).split()))


def powers_of(grants: tuple[str, ...]) -> frozenset[str]:
    """Privileges that reach beyond one database: all that are given on `*.*`, and those on the server's own tables."""
    return frozenset(power for grant in grants for power in _powers(grant))


def _powers(grant: str) -> Iterator[str]:
    found = _ON.match(grant)
    if found is None:
        return
    rights = [right.strip().upper() for right in _IN_BRACKETS.sub("", found["rights"]).split(",")]
    rights = [right for right in rights if right not in ("", "USAGE")]
    database = _bare(found["where"])
    if "PROXY" in rights:
        yield "PROXY"
    elif database in _EVERYWHERE:
        yield from rights
        if re.search(r" WITH\b.*\bGRANT OPTION\b", grant, re.IGNORECASE):
            yield "GRANT OPTION"
    elif database.lower() == _SYSTEM_DATABASE:
        yield from (f"{right} ON {_SYSTEM_DATABASE}" for right in rights)


def roles_of(grants: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the roles that the account has been given."""
    found = (_ROLE.match(grant) for grant in grants if _ON.match(grant) is None)
    named = (role for match in found if match is not None for role in match["roles"].split(","))
    return tuple(dict.fromkeys(_bare(role.strip().split("@")[0]) for role in named))


def limit_of(grants: tuple[str, ...]) -> int | None:
    """The account's own MAX_USER_CONNECTIONS; None where no grant names one, or 0, which is none."""
    limits = [int(found[1]) for grant in grants if (found := _LIMIT.search(grant.rpartition(" TO ")[2]))]
    return max(limits, default=0) or None


def _bare(name: str) -> str:
    return name.strip("`'\"").replace("\\", "")
