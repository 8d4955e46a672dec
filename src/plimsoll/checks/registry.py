"""All checks there are, found by id or tag. A new module of checks is added to `_SUBJECTS`, and nowhere else."""

import difflib
from collections.abc import Iterable, Sequence
from itertools import pairwise
from types import MappingProxyType

from plimsoll.checks.check import Check, Stage
from plimsoll.checks.subjects import (
    access,
    accounts,
    app,
    capacity_fit,
    classics,
    classics_told,
    database_servers,
    debugging,
    disks,
    files,
    host_limits,
    idle_limits,
    memory_fit,
    memory_growth,
    pool_line,
    raised_connections,
    running,
    running_pages,
    running_pool,
    schema,
    settings,
    since,
    since_server,
    suppression,
    timeouts,
    tls,
    versions,
)
from plimsoll.errors import CommandError

_SUBJECTS: tuple[tuple[Check, ...], ...] = (
    settings.CHECKS,
    files.CHECKS,
    access.CHECKS,
    tls.CHECKS,
    suppression.CHECKS,
    app.CHECKS,
    schema.CHECKS,
    accounts.CHECKS,
    database_servers.CHECKS,
    capacity_fit.CHECKS,
    idle_limits.CHECKS,
    timeouts.CHECKS,
    pool_line.CHECKS,
    host_limits.CHECKS,
    disks.CHECKS,
    debugging.CHECKS,
    versions.CHECKS,
    memory_fit.CHECKS,
    raised_connections.CHECKS,
    classics.CHECKS,
    running.CHECKS,
    running_pages.CHECKS,
    running_pool.CHECKS,
    since.CHECKS,
    memory_growth.CHECKS,
    since_server.CHECKS,
)


def _sorted(checks: Iterable[Check]) -> tuple[Check, ...]:
    """By id. Two checks of one id are a fault of the program."""
    found = sorted(checks, key=lambda check: check.id)
    twice = [first.id for first, second in pairwise(found) if first.id == second.id]
    if twice:
        raise ValueError(f"two checks have the id {twice[0]}")
    return tuple(found)


CHECKS = _sorted(check for checks in _SUBJECTS for check in checks)
TOLD = classics_told.PAGES
"""Pages with ids of their own, to which no check belongs."""

BY_ID = MappingProxyType({check.id: check for check in CHECKS})
TAGS = frozenset(tag for check in CHECKS for tag in check.tags)


def check_of(id: str) -> Check:  # noqa: A002 - it is what checks call it
    """The check with this id, in small letters too.

    Raises:
        CommandError: there is none; it names the one that was probably meant.
    """
    found = BY_ID.get(id.strip().upper())
    if found is None:
        raise CommandError(f"There is no check '{id}'{_meant(id, BY_ID)} 'plimsoll check --list' lists them.")
    return found


def select(stage: Stage, only: Sequence[str] = (), skip: Sequence[str] = ()) -> tuple[Check, ...]:
    """The checks of `stage`: those that `only` names by id or tag (all where it names none), without those of `skip`.

    Raises:
        CommandError: an id or a tag is not known or not of this stage, or none is left.
    """
    wanted = {check.id for word in only for check in _named(word, stage)} if only else set(BY_ID)
    unwanted = {check.id for word in skip for check in _named(word, None)}
    chosen = tuple(c for c in CHECKS if stage in c.stages and c.id in wanted and c.id not in unwanted)
    if not chosen:
        raise CommandError(f"No check of the stage '{stage}' is left by --only and --skip.")
    return chosen


def _named(word: str, stage: Stage | None) -> tuple[Check, ...]:
    word = word.strip()
    found = (BY_ID[word.upper()],) if word.upper() in BY_ID else tuple(c for c in CHECKS if word.lower() in c.tags)
    if not found:
        raise CommandError(
            f"'{word}' is neither the id nor a tag of a check{_meant(word, (*BY_ID, *TAGS))} "
            "'plimsoll check --list' lists them."
        )
    if stage is not None and not any(stage in check.stages for check in found):
        other = next(iter(found[0].stages))
        raise CommandError(f"'{word}' is for another stage: give --stage {other}.")
    return found


def _meant(word: str, names: Iterable[str]) -> str:
    folded = {name.casefold(): name for name in names}
    close = difflib.get_close_matches(word.strip().casefold(), folded, n=1, cutoff=0.5)
    return f"; did you mean {folded[close[0]]}?" if close else "."
