"""What a pool's errors say: what happened with the numbers, what it means, who holds what, what to do."""

from collections.abc import Sequence

from plimsoll.pool.holders import Holder
from plimsoll.pool.numbers import PoolSnapshot

HOLDERS_SHOWN = 5
"""The oldest holders are named; a message with forty of them would not be read."""


def timeout_words(
    who: str, waited_s: float, now: PoolSnapshot, holders: Sequence[Holder], last_failure: BaseException | None
) -> str:
    """For a wait that its deadline ended."""
    return _message(f"{who} waited {waited_s:.2f} s for a database connection and got none", now, holders, last_failure)


def hopeless_words(who: str, left_s: float, expected_s: float, now: PoolSnapshot, holders: Sequence[Holder]) -> str:
    """For a wait that was not begun since it could not end in time."""
    return _message(
        f"{who} was refused a database connection at once: it has {left_s:.2f} s left, and with {now.waiting} in line "
        f"and {now.use.mean_s:.2f} s a use its turn would come in about {expected_s:.2f} s",
        now,
        holders,
        None,
    )


def full_line_words(who: str, max_waiting: int, now: PoolSnapshot, holders: Sequence[Holder]) -> str:
    """For a newcomer to a line that is as long as it may be."""
    happened = (
        f"{who} was refused a database connection at once: {now.waiting} wait already, and DB_POOL_MAX_WAITING is "
        f"{max_waiting}"
    )
    return _message(happened, now, holders, None)


def _message(happened: str, now: PoolSnapshot, holders: Sequence[Holder], last_failure: BaseException | None) -> str:
    numbers = (
        f"size {now.size}, overflow {now.max_overflow}, checked out {now.checked_out}, idle {now.idle}, "
        f"opening {now.opening}, closing {now.closing}, waiting {now.waiting}"
    )
    lines = [f"{happened}. Pool: {numbers}."]
    if last_failure is not None:
        lines.append(f"The last attempt to connect failed: {last_failure}")
    oldest = sorted(holders, key=lambda holder: -holder.age_s)[:HOLDERS_SHOWN]
    if oldest:
        lines.append(f"Held longest ({len(oldest)} of {len(holders)}):")
        lines += [f"  {holder}" for holder in oldest]
    lines += _remedies(now, oldest, last_failure)
    return "\n".join(lines)


def _remedies(now: PoolSnapshot, oldest: Sequence[Holder], last_failure: BaseException | None) -> list[str]:
    remedies = []
    if last_failure is not None:
        remedies.append("Mend the connection to the server: no size of pool helps while connects fail.")
    if any(holder.state == "idle in transaction" for holder in oldest):
        remedies.append("End the transaction before slow work that needs no database: the lines above hold one idle.")
    if oldest:
        remedies.append(
            "Look at the places named above: a session kept across a stream, a call to another service or a queue?"
        )
    if now.closing:
        remedies.append(
            f"Find what gives up its queries: {now.closing} places wait for the server to end what was cancelled or "
            "took too long."
        )
    remedies += [
        "Make the slow statements faster: each connection serves 1 / (time held) requests a second.",
        "Raise DB_POOL_SIZE only if the server has room for it on every worker and host (max_connections, memory).",
    ]
    return ["What to do:"] + [f"  {number}. {remedy}" for number, remedy in enumerate(remedies, start=1)]
