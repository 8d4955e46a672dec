"""Hashing passwords off the event loop, a bounded number at a time.

Owns the threads that argon2 runs in. Whether a password is good enough is said in `strength`.
"""

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import argon2
from argon2.exceptions import HashingError, InvalidHashError, VerificationError, VerifyMismatchError

from plimsoll.errors import PlimsollError

DEFAULT_CONCURRENCY = 2
"""Hashes at once: each takes 64 MiB with argon2-cffi's defaults, and a small server has 1 GiB in all."""

MAX_PASSWORD_LENGTH = 1024
"""Characters. Sixteen times what NIST SP 800-63B asks a service to accept (64), too few to be a burden."""

MALFORMED_HASH = "Decoding failed"
"""argon2's text for a stored hash that cannot be decoded; its other texts tell of a failure on our side."""

STARVED = frozenset({"Memory allocation error", "Threading failure"})
"""argon2's texts where it gets no memory for a hash, which takes 64 MiB, or no thread to work in: under a limit of
address space either comes first."""

T = TypeVar("T")


class PasswordError(PlimsollError):
    """A password cannot be hashed: it is too long or no valid text. This says nothing of its strength."""

    code = "PLE051"


class PasswordHasher:
    """argon2id on a few threads of its own, so that the event loop goes on and memory stays bounded.

    `concurrency` is the number of hashes that run at once in this process; the others wait in line, and a
    task that is cancelled while it waits leaves the line. `argon2id` replaces the default parameters. The
    threads are made at the first use, also after `close()` and in a forked child.
    """

    def __init__(
        self, concurrency: int = DEFAULT_CONCURRENCY, *, argon2id: argon2.PasswordHasher | None = None
    ) -> None:
        if concurrency < 1:
            raise ValueError(f"concurrency is {concurrency}, but at least 1 hash must be able to run")
        self.concurrency = concurrency
        self._argon2id = argon2id or argon2.PasswordHasher()
        self._lock = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None
        self._pid = 0

    async def hash(self, password: str) -> str:
        """The hash of `password`, with salt and parameters. PasswordError if it is too long or no text."""
        if not is_hashable(password):
            raise PasswordError(
                f"The password is longer than {MAX_PASSWORD_LENGTH} characters or is no valid Unicode text, "
                "so it cannot be hashed. Choose another."
            )
        return await self._run(self._argon2id.hash, password)

    async def verify(self, stored_hash: str | None, password: str) -> bool:
        """Whether `password` is the one behind `stored_hash`. MemoryError where there is none for a hash.

        Without a hash (an unknown e-mail), or with one that is not argon2's, the same work is done for
        nothing, so that the time taken does not tell which e-mails have an account.
        """
        if not is_hashable(password):
            return False
        return await self._run(self._verify, stored_hash, password)

    def needs_rehash(self, stored_hash: str) -> bool:
        """Whether `stored_hash` has other parameters than today's: then hash again at the next login."""
        try:
            return self._argon2id.check_needs_rehash(stored_hash)
        except InvalidHashError:
            return True

    def close(self) -> None:
        """Give the threads back when what they were asked for is done, without waiting for that here."""
        with self._lock:
            threads, self._threads = self._threads, None
            if threads is not None and self._pid == os.getpid():
                threads.shutdown(wait=False)

    def _verify(self, stored_hash: str | None, password: str) -> bool:
        try:
            return self._argon2id.verify(stored_hash or "", password)
        except VerifyMismatchError:
            return False
        except InvalidHashError:
            pass
        except VerificationError as exc:
            # Out of memory must not look like a wrong password. A damaged hash in the table may.
            if str(exc) != MALFORMED_HASH:
                raise
        self._argon2id.hash(password)
        return False

    async def _run(self, work: Callable[..., T], *args: str | None) -> T:
        loop = asyncio.get_running_loop()
        with self._lock:  # `close()` must not come between the choice of the threads and the hand-over
            future = loop.run_in_executor(self._live_threads(), work, *args)
        try:
            return await future
        except (HashingError, VerificationError) as exc:
            if str(exc) not in STARVED:
                raise
            raise MemoryError(f"a password's hash, which takes 64 MiB, got no memory or no thread ({exc})") from exc

    def _live_threads(self) -> ThreadPoolExecutor:
        # A forked child inherits the object but none of its threads: work given to it would wait for ever.
        if self._threads is None or self._pid != os.getpid():
            self._threads = ThreadPoolExecutor(self.concurrency, thread_name_prefix="plimsoll-argon2")
            self._pid = os.getpid()
        return self._threads


def is_hashable(password: str) -> bool:
    """Whether argon2 can take `password`: at most `MAX_PASSWORD_LENGTH` characters, no lone surrogate."""
    if len(password) > MAX_PASSWORD_LENGTH:
        return False
    try:
        password.encode()
    except UnicodeEncodeError:
        return False
    return True
