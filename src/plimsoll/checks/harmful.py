"""Changes that are never made here, whoever asks for them: cures that are known to harm."""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from plimsoll.checks.verdict import Change

TLS_STRENGTH = ("off", "require", "verify-ca", "verify-full")
POOL = frozenset({"DB_POOL_SIZE", "DB_MAX_OVERFLOW"})
WATCHES = frozenset({"DB_LEAK_THRESHOLD", "DB_IDLE_TRANSACTION"})
SERVER_TLS = frozenset({"require_secure_transport", "ssl"})
OFF = frozenset({"0", "off", "false", "no"})
_SHELL = (
    (
        re.compile(r"\bulimit\b[^;&|\n]*-[A-Za-z]*v\s+\d"),
        "ulimit -v limits address space, not memory: it gives MemoryError far below any real limit",
    ),
    (
        re.compile(r"\bLimitAS=\d"),
        "LimitAS= limits address space, not memory: it gives MemoryError far below any real limit (MemoryMax= is one)",
    ),
    (re.compile(r"\bgc\.(collect|disable|freeze)\b"), "a loop that collects garbage takes time and frees no leak"),
)


def harm(change: Change, standing: Mapping[str, str]) -> str:
    """Why a change is not made, in words; empty where nothing is known against it.

    `standing` are the settings of `.env` and the environment by name, as they would be with the change.
    """
    if change.kind == "env":
        return _in_settings(change, standing)
    if change.kind in ("sql", "config"):
        return _on_server(change)
    return next((why for pattern, why in _SHELL if pattern.search(change.text)), "")


def _in_settings(change: Change, standing: Mapping[str, str]) -> str:
    if change.name in POOL and _grows(change) and not change.memory:
        return "a larger pool takes memory here and in the server, and the check has not reckoned how much"
    if change.name == "DB_SSL_MODE" and _weaker(change):
        return "certificates would be checked less than now"
    if change.name in WATCHES and _number(change.value) == 0:
        return "it would silence the pool's reports, which are what shows a leak"
    request, pool = (_number(standing.get(name, "")) for name in ("REQUEST_TIMEOUT", "DB_POOL_TIMEOUT"))
    if change.name in ("REQUEST_TIMEOUT", "DB_POOL_TIMEOUT") and request and pool is not None and request <= pool:
        return (
            f"REQUEST_TIMEOUT ({request} s) would be no longer than DB_POOL_TIMEOUT ({pool} s): a request would end "
            "in the middle of its wait, and nobody would learn for what"
        )
    return ""


def _on_server(change: Change) -> str:
    if change.name == "max_connections" and _grows(change) and not change.memory:
        return "each further connection may take memory in the server, and the check has not reckoned how much"
    if change.name in SERVER_TLS and change.value.lower() in OFF:
        return "connections would no longer be encrypted"
    return ""


def _grows(change: Change) -> bool:
    """Whether the value is larger than the old one; one that is not known counts as smaller."""
    new, old = _number(change.value), _number(change.old)
    return new is not None and (old is None or new > old)


def _weaker(change: Change) -> bool:
    new = change.value.lower()
    if new not in TLS_STRENGTH:
        return True
    return TLS_STRENGTH.index(new) < (TLS_STRENGTH.index(change.old) if change.old in TLS_STRENGTH else 0)


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None
