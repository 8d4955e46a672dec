"""Whether warnings of the pool reach anybody, as logging is set up in this process."""

import logging
from collections.abc import Iterable, Iterator

WATCHED = ("plimsoll.pool", "plimsoll.requests", "sqlalchemy.pool")
"""Loggers that say who holds connections, what was refused, and which connections broke."""


def silenced_loggers(names: Iterable[str] = WATCHED) -> tuple[str, ...]:
    """Those whose warnings go nowhere now. To be asked after the application, which sets logging up, was imported."""
    return tuple(name for name in names if _is_silenced(logging.getLogger(name)))


def _is_silenced(logger: logging.Logger) -> bool:
    if not logger.isEnabledFor(logging.WARNING):
        return True
    handlers = tuple(_reached(logger))
    if not handlers and logging.lastResort is not None:
        # What logging does for a logger without any: warnings go to stderr.
        handlers = (logging.lastResort,)
    return all(isinstance(one, logging.NullHandler) or one.level > logging.WARNING for one in handlers)


def _reached(logger: logging.Logger) -> Iterator[logging.Handler]:
    found: logging.Logger | None = logger
    while found is not None:
        yield from found.handlers
        found = found.parent if found.propagate else None
