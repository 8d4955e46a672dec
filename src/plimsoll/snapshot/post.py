"""Asking one worker of this host for something, and answering: it is done once at most, and who asked hears of it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from plimsoll.errors import ActionError, SharingError
from plimsoll.snapshot.letters import Letters, Question

logger = logging.getLogger("plimsoll.snapshot")

POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds. A question that nobody has taken within `taken_s` is taken back: a worker looks five times a second. One
    that was taken is to be answered within `answered_s`."""

    taken_s: float
    answered_s: float


Do = Callable[[str, Mapping[str, str]], Awaitable[Mapping[str, Any]]]
"""Does what is asked for, with its words.

Raises:
    ActionError: it cannot be done; says why.
"""


class SilentError(ActionError):
    """The worker did not take the question, or did not answer it."""


async def asked(
    letters: Letters, to: str, what: str, words: Mapping[str, str], patience: Patience
) -> Mapping[str, Any]:
    """The answer of the worker at the place `to`.

    Raises:
        SilentError: there is none; says whether it may be done yet.
        ActionError: it cannot be done, as that worker says.
    """
    try:
        number = letters.ask(to, what, words)
    except (OSError, SharingError) as error:
        raise SilentError(f"The worker cannot be asked, so nothing was done: {error}.") from error
    try:
        found = await _answered(letters, to, number, patience)
    except BaseException:
        letters.withdraw(to, number)
        raise
    refused = found.get("refused")
    if isinstance(refused, str):
        raise ActionError(refused)
    return found


async def _answered(letters: Letters, to: str, number: str, patience: Patience) -> Mapping[str, Any]:
    loop = asyncio.get_running_loop()
    began_s, is_taken = loop.time(), False
    while (found := letters.answer(number)) is None:
        passed_s = loop.time() - began_s
        if not is_taken and passed_s > patience.taken_s:
            if letters.withdraw(to, number):
                raise SilentError(
                    "The worker lives and does not answer, so nothing was done, and nothing will be: something blocks "
                    "its event loop, or the process is stopped."
                )
            is_taken = True
        if is_taken and passed_s > patience.answered_s:
            raise SilentError(
                f"The worker has taken this on and not answered within {patience.answered_s:g} s; it may be done yet."
            )
        await asyncio.sleep(POLL_S)
    return found


class Answering:
    """Does what this worker is asked for, each in a task of its own."""

    def __init__(self, do: Do) -> None:
        self._do = do
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, letters: Letters, question: Question) -> None:
        """One more."""
        task = asyncio.create_task(self._answer(letters, question), name="plimsoll answers another worker")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def end(self) -> None:
        """Give up what is under way."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, letters: Letters, question: Question) -> None:
        try:
            answer = await self._do(question.what, question.words)
        except ActionError as error:
            answer = {"refused": error.message}
        except Exception:
            logger.exception("what another worker has asked for could not be done")
            answer = {"refused": "It could not be done there; the log of that worker has the reason."}
        try:
            letters.reply(question, answer)
        except (OSError, ValueError) as error:
            logger.warning("another worker was not answered: %s", error)
