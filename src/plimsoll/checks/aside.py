"""Calls that may hang where nothing can cancel them: a name server, a disk on the network."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def aside(call: Callable[[], T], limit_s: float) -> tuple[T] | None:
    """What `call` returns, in a tuple; None where it takes longer. It must raise nothing.

    In a thread that the process need not wait for at its end, as it would for one that asyncio makes.
    """
    loop, answered = asyncio.get_running_loop(), asyncio.Event()
    answers: list[T] = []

    def ask() -> None:
        answers.append(call())
        with suppress(RuntimeError):  # the loop has ended, and nobody waits any more
            loop.call_soon_threadsafe(answered.set)

    threading.Thread(target=ask, daemon=True, name=f"aside: {getattr(call, '__name__', 'a call')}").start()
    with suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            await answered.wait()
            return (answers[0],)
    return None
