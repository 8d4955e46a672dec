"""Clean-up that always ends: it is not cut short by a cancellation, and not waited for without limit."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import anyio

GRACE_S = 0.5
"""After the deadline the clean-up is cancelled, and again after this: the first cancellation ends the wait for
the server, the second ends the driver's polite good-bye on the same silent connection."""


async def finish(work: Coroutine[Any, Any, object], deadline_s: float) -> bool:
    """Run `work` to its end in a task of its own, for at most `deadline_s` seconds; True where it got there.

    A cancellation that arrives meanwhile is kept and raised when the work has ended. Inside a cancelled
    anyio scope, which cancels again at every turn of the loop, the shield keeps this from spinning.

    Raises:
        Exception: what `work` raised.
        asyncio.CancelledError: the caller was cancelled while it waited.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    in_time = True
    with anyio.CancelScope(shield=True):
        for patience_s in (deadline_s, GRACE_S, GRACE_S):
            cancelled = await _wait(task, patience_s) or cancelled
            if task.done():
                break
            in_time = False
            task.cancel()
        else:
            task.add_done_callback(_forget)
    if cancelled is not None:
        if task.done():
            _forget(task)
        raise cancelled
    if in_time:
        await task
    return in_time


async def _wait(task: asyncio.Future[object], patience_s: float) -> asyncio.CancelledError | None:
    """Wait for `task`, and return the cancellation that arrived meanwhile instead of being ended by it."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + patience_s
    cancelled: asyncio.CancelledError | None = None
    while not task.done() and (left_s := ends - loop.time()) > 0:
        try:
            await asyncio.wait({task}, timeout=left_s)
        except asyncio.CancelledError as error:
            cancelled = error
    return cancelled


def _forget(task: asyncio.Future[object]) -> None:
    """Read the outcome of a task that nobody waits for, so that the loop does not report it as lost."""
    if not task.cancelled():
        task.exception()
