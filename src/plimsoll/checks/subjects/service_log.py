"""What the log that was named (--log) tells of a question about the running service."""

from plimsoll.capacity.wording import amount
from plimsoll.checks.facts import RunningFacts
from plimsoll.checks.verdict import Found, UnknownError


def lines_of(running: RunningFacts, *kinds: str) -> str:
    """How many lines of these kinds, in words; nothing where there are none, or no log."""
    if not running.log.known:
        return ""
    return " and ".join(filter(None, (running.log.value.words(kind) for kind in kinds)))


def by_log_alone(running: RunningFacts, fix: str, *kinds: str) -> Found | None:
    """What the log tells where the workers themselves tell nothing."""
    words = lines_of(running, *kinds)
    if running.figures.known or not words:
        return None
    return Found(f"{words}; the workers were not asked: {running.figures.why}", fix)


def nor_in_log(running: RunningFacts) -> str:
    """How much of the log was looked at, behind "none ..."; nothing where none was named.

    Raises:
        UnknownError: it was named and could not be read, so that nobody knows.
    """
    if running.log.irrelevant:
        return ""
    if not running.log.known:
        raise UnknownError(f"the log was not read: {running.log.why}", running.log.fix)
    return f", nor in {amount(running.log.value.bytes_read)} of {running.log.value.name}"
