"""The concurrency core: who gets a place, in which order, and what a cancellation at any instant leaves behind."""

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.pool.places import ClosedError, LineFullError, Open, Places

Taken = str | Open


def places(limit: int = 1, max_waiting: int = 100) -> Places[str]:
    """Places whose clock is the running loop's."""
    return Places(limit, max_waiting, asyncio.get_running_loop().time)


def soon() -> float:
    """A deadline that is not reached."""
    return asyncio.get_running_loop().time() + 60


async def settle() -> None:
    """Let every task run as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_an_empty_pool_gives_the_right_to_open_up_to_its_limit() -> None:
    """Then one has to wait."""
    pool = places(2)
    assert pool.take_now() is Open.ONE
    assert pool.take_now() is Open.ONE
    assert pool.take_now() is None
    assert (pool.taken, pool.idle) == (2, 0)


async def test_what_is_given_back_is_given_out_last_in_first_out() -> None:
    """So few are kept warm and the others can be closed."""
    pool = places(2)
    for name in ("a", "b"):
        pool.take_now()
        pool.give_back(name)
    pool = places(2)
    pool.take_now(), pool.take_now()
    pool.give_back("a")
    pool.give_back("b")
    assert pool.take_now() == "b"
    assert pool.take_now() == "a"


async def test_what_suits_is_preferred_and_anything_else_is_taken() -> None:
    """A preference never makes anyone wait."""
    pool = places(2)
    pool.take_now(), pool.take_now()
    pool.give_back("reader")
    pool.give_back("writer")
    assert pool.take_now(lambda name: name == "reader") == "reader"
    assert pool.take_now(lambda name: name == "reader") == "writer"


async def test_first_come_first_served_and_no_newcomer_overtakes() -> None:
    """A thing that comes back belongs to the first in line, also before that task has run again."""
    pool = places(1)
    pool.take_now()
    order: list[int] = []

    async def wait(number: int) -> None:
        thing = await pool.take(soon())
        order.append(number)
        assert thing == "a"
        pool.give_back("a")

    tasks = [asyncio.create_task(wait(number)) for number in range(5)]
    await settle()
    pool.give_back("a")
    assert pool.take_now() is None, "a newcomer overtook the line"
    await asyncio.gather(*tasks)
    assert order == [0, 1, 2, 3, 4]
    assert (pool.taken, pool.idle, pool.waiting) == (0, 1, 0)


async def test_one_more_than_may_wait_is_refused_at_once() -> None:
    """A longer line is load that nobody will be answered in time."""
    pool = places(1, max_waiting=2)
    pool.take_now()
    tasks = [asyncio.create_task(pool.take(soon())) for _ in range(2)]
    await settle()
    with pytest.raises(LineFullError):
        await pool.take(soon())
    for task in tasks:
        task.cancel()


async def test_a_wait_ends_at_its_deadline_and_leaves_the_line() -> None:
    """The next in line moves up."""
    pool = places(1)
    pool.take_now()
    with pytest.raises(TimeoutError):
        await pool.take(asyncio.get_running_loop().time() + 0.01)
    assert pool.waiting == 0
    pool.give_back("a")
    assert pool.take_now() == "a"


async def test_one_cancelled_in_line_leaves_it() -> None:
    """And what comes back goes to the one behind."""
    pool = places(1)
    pool.take_now()
    first = asyncio.create_task(pool.take(soon()))
    second = asyncio.create_task(pool.take(soon()))
    await settle()
    first.cancel()
    await settle()
    pool.give_back("a")
    assert await second == "a"


async def test_one_cancelled_in_the_turn_in_which_it_was_served_passes_it_on() -> None:
    """It owned the thing and never ran: neither may it be lost, nor kept."""
    pool = places(1)
    pool.take_now()
    first = asyncio.create_task(pool.take(soon()))
    second = asyncio.create_task(pool.take(soon()))
    await settle()
    pool.give_back("a")
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await second == "a"
    pool.give_back("a")
    assert (pool.taken, pool.idle, pool.waiting) == (0, 1, 0)


async def test_a_freed_place_lets_the_first_in_line_open() -> None:
    """Its connection was lost: the place is empty, not gone."""
    pool = places(1)
    pool.take_now()
    task = asyncio.create_task(pool.take(soon()))
    await settle()
    pool.free()
    assert await task is Open.ONE
    assert pool.taken == 1


async def test_a_larger_limit_lets_the_line_move_up() -> None:
    """Resized while others wait."""
    pool = places(1)
    pool.take_now()
    tasks = [asyncio.create_task(pool.take(soon())) for _ in range(3)]
    await settle()
    pool.resize(3)
    await settle()
    assert [task.done() for task in tasks] == [True, True, False]
    tasks[2].cancel()


async def test_a_smaller_limit_makes_what_comes_back_surplus() -> None:
    """It is closed, and no place grows out of it."""
    pool = places(2)
    pool.take_now(), pool.take_now()
    pool.resize(1)
    surplus = [pool.surplus]
    pool.free()
    surplus.append(pool.surplus)
    assert surplus == [True, False]
    assert pool.take_now() is None


async def test_closing_tells_those_in_line_and_returns_what_is_idle() -> None:
    """Nothing is given out any more."""
    pool = places(2)
    pool.take_now(), pool.take_now()
    pool.give_back("a")
    assert pool.close() == ["a"]
    with pytest.raises(ClosedError):
        pool.take_now()
    pool = places(1)
    pool.take_now()
    task = asyncio.create_task(pool.take(soon()))
    await settle()
    pool.close()
    with pytest.raises(ClosedError):
        await task


@given(seed=st.integers(0, 2**32), limit=st.integers(1, 4), users=st.integers(1, 30))
@settings(max_examples=150, deadline=None)
def test_whatever_is_cancelled_whenever_the_books_balance(seed: int, limit: int, users: int) -> None:
    """Random users that take, use, lose, give back and are cancelled at any instant: never more in use than the limit,
    and in the end nothing taken, nobody in line."""
    asyncio.run(_storm(random.Random(seed), limit, users))


async def _storm(randomness: random.Random, limit: int, users: int) -> None:
    pool = places(limit, max_waiting=users)
    in_use = 0

    async def use(number: int) -> None:
        nonlocal in_use
        got: Taken = await pool.take(asyncio.get_running_loop().time() + randomness.choice((0.0005, 60)))
        thing = f"thing {number}" if isinstance(got, Open) else got
        in_use += 1
        assert in_use <= limit
        try:
            for _ in range(randomness.randrange(4)):
                await asyncio.sleep(0)
        finally:
            in_use -= 1
            if randomness.random() < 0.2:
                pool.free()
            else:
                pool.give_back(thing)

    tasks = [asyncio.create_task(use(number)) for number in range(users)]
    for _ in range(users * 2):
        if randomness.random() < 0.3:
            randomness.choice(tasks).cancel()
        assert pool.taken + pool.idle <= limit
        await asyncio.sleep(0)
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    allowed = (TimeoutError, asyncio.CancelledError)
    assert [outcome for outcome in outcomes if outcome is not None and not isinstance(outcome, allowed)] == []
    assert (pool.taken, pool.waiting) == (0, 0)
    assert pool.idle <= limit
