"""Hashing: off the event loop, bounded, cancellable, and as slow for an unknown e-mail as for a known one."""

import asyncio
import os
import threading
import time
from collections.abc import Callable
from typing import Literal

import argon2
import pytest
from argon2.exceptions import VerificationError

from plimsoll.seeding import PasswordError, PasswordHasher
from plimsoll.seeding.passwords import MAX_PASSWORD_LENGTH
from tests.seeding.accounts import GOOD_PASSWORD, FastArgon2, fast_hasher


class WatchedArgon2(FastArgon2):
    """Counts its hashes, how many ran at once and in which threads; waits for `gate` before each."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.running = self.most_at_once = self.hashes = 0
        self.threads: set[threading.Thread] = set()
        self._lock = threading.Lock()

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        with self._lock:
            self.hashes += 1
            self.running += 1
            self.most_at_once = max(self.most_at_once, self.running)
            self.threads.add(threading.current_thread())
        self.gate.wait(60)
        time.sleep(0.01)  # long enough that a third thread, were there one, would be seen
        with self._lock:
            self.running -= 1
        return super().hash(password, salt=salt)


async def until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in a thread
            await asyncio.sleep(0.005)


async def test_a_password_is_verified_against_its_own_hash_only() -> None:
    """The right password verifies, another does not, and the hash is argon2id's with 64 MiB."""
    hasher = PasswordHasher()
    stored = await hasher.hash(GOOD_PASSWORD)
    assert stored.startswith("$argon2id$v=19$m=65536,")
    assert await hasher.verify(stored, GOOD_PASSWORD)
    assert not await hasher.verify(stored, GOOD_PASSWORD + "x")
    hasher.close()


@pytest.mark.parametrize("concurrency", [1, 2, 3])
async def test_no_more_hashes_run_at_once_than_allowed(concurrency: int) -> None:
    """Twelve hashes asked for together run `concurrency` at a time, all in the hasher's own threads."""
    watched = WatchedArgon2()
    hasher = PasswordHasher(concurrency, argon2id=watched)
    await asyncio.gather(*(hasher.hash(GOOD_PASSWORD) for _ in range(12)))
    assert (watched.hashes, watched.most_at_once) == (12, concurrency)
    assert all(thread.name.startswith("plimsoll-argon2") for thread in watched.threads)


async def test_the_event_loop_goes_on_during_a_hash() -> None:
    """While a hash is held up, other tasks of the loop run."""
    watched = WatchedArgon2()
    watched.gate.clear()
    hashing = asyncio.create_task(PasswordHasher(argon2id=watched).hash(GOOD_PASSWORD))
    await until(lambda: watched.running == 1)
    assert not hashing.done()
    watched.gate.set()
    assert await hashing


async def test_a_cancelled_task_leaves_the_line() -> None:
    """A task cancelled while it waits for its turn ends at once, and its password is never hashed."""
    watched = WatchedArgon2()
    watched.gate.clear()
    hasher = PasswordHasher(1, argon2id=watched)
    first = asyncio.create_task(hasher.hash(GOOD_PASSWORD))
    await until(lambda: watched.running == 1)
    second = asyncio.create_task(hasher.hash(GOOD_PASSWORD))
    third = asyncio.create_task(hasher.hash(GOOD_PASSWORD))
    await asyncio.sleep(0.02)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(second, 20)
    watched.gate.set()
    assert await first
    assert await third
    assert watched.hashes == 2


async def test_an_unknown_account_takes_the_same_work() -> None:
    """Without a stored hash one hash is made all the same, and the answer is no."""
    watched = WatchedArgon2()
    assert not await PasswordHasher(argon2id=watched).verify(None, GOOD_PASSWORD)
    assert watched.hashes == 1


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "!",
        "$2b$12$C6UzMDM.H6dfI/f/IKcEeO",
        "$argon2id$v=19$m=8,t=1,p=1$xx",
        "$argon2id$v=19$m=8,t=1,p=1$*$*",
    ],
)
async def test_a_stored_hash_that_is_not_argon2s_is_no_match(stored: str) -> None:
    """A locked account, another scheme or a damaged hash: the answer is no, after the same work."""
    watched = WatchedArgon2()
    hasher = PasswordHasher(argon2id=watched)
    assert not await hasher.verify(stored, GOOD_PASSWORD)
    assert watched.hashes == 1
    assert hasher.needs_rehash(stored)


async def test_out_of_memory_is_not_a_wrong_password() -> None:
    """A hash that could not be computed is an error: "wrong password" would send people to reset theirs."""

    class Starved(FastArgon2):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
            raise VerificationError("Memory allocation error")

    with pytest.raises(MemoryError, match="64 MiB"):
        await PasswordHasher(argon2id=Starved()).verify(FastArgon2().hash("x"), GOOD_PASSWORD)


@pytest.mark.parametrize("password", ["x" * (MAX_PASSWORD_LENGTH + 1), "half a pair \ud800"])
async def test_what_is_no_password_costs_no_work(password: str) -> None:
    """Too long a text, or one that is no Unicode, is refused before any thread takes it up."""
    watched = WatchedArgon2()
    hasher = PasswordHasher(argon2id=watched)
    with pytest.raises(PasswordError) as raised:
        await hasher.hash(password)
    assert password not in str(raised.value)
    assert not await hasher.verify(FastArgon2().hash("x"), password)
    assert watched.hashes == 0


async def test_the_longest_password_is_accepted() -> None:
    """1,024 characters, of whatever size in bytes, are hashed and verified."""
    hasher = fast_hasher()
    longest = "\N{SAILBOAT}" * MAX_PASSWORD_LENGTH
    assert await hasher.verify(await hasher.hash(longest), longest)


async def test_a_hash_with_other_parameters_needs_a_new_one() -> None:
    """A hash of today's parameters is kept, one of other parameters is to be made again."""
    stored = await fast_hasher().hash(GOOD_PASSWORD)
    assert not fast_hasher().needs_rehash(stored)
    assert PasswordHasher(argon2id=argon2.PasswordHasher(time_cost=2)).needs_rehash(stored)


async def test_closing_gives_the_threads_back() -> None:
    """After `close` the running hash ends well and its threads are gone; the next use makes new ones."""
    watched = WatchedArgon2()
    watched.gate.clear()
    hasher = PasswordHasher(argon2id=watched)
    running = asyncio.create_task(hasher.hash(GOOD_PASSWORD))
    await until(lambda: watched.running == 1)
    hasher.close()
    watched.gate.set()
    assert await running
    await until(lambda: not any(thread.is_alive() for thread in watched.threads))
    assert await hasher.hash(GOOD_PASSWORD)
    hasher.close()


def test_a_hasher_works_in_a_forked_child() -> None:
    """A preloading server forks after first use: the child has none of the threads, and makes its own."""
    hasher = PasswordHasher(1, argon2id=FastArgon2())
    stored = asyncio.run(hasher.hash(GOOD_PASSWORD))
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if asyncio.run(asyncio.wait_for(hasher.verify(stored, GOOD_PASSWORD), 5)) else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_at_least_one_hash_must_be_able_to_run() -> None:
    """A concurrency of 0 is refused where it is written, not when the first login hangs."""
    with pytest.raises(ValueError, match="at least 1"):
        PasswordHasher(0)
