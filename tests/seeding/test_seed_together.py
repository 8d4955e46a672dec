"""Seeding by many processes at once, and seeding that is cancelled."""

import asyncio

import pytest
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncEngine

from plimsoll.seeding import PasswordHasher, SeedReport
from tests.cancelling import CancelAt
from tests.seeding.accounts import (
    GOOD_PASSWORD,
    Account,
    admin_account,
    engine_for,
    fast_hasher,
    make_tables,
    rows,
)
from tests.seeding.processes import seed_together
from tests.servers import TestDatabase

PROCESSES = 16
FEWEST_STEPS = 10
"""The database is waited for more often than this while an admin is made: fewer, and the sweep swept nothing."""


def test_sixteen_processes_make_one_admin(any_database: TestDatabase, capfd: pytest.CaptureFixture[str]) -> None:
    """On an empty table one creates, fifteen find it, nobody fails; a made-up password is printed once."""
    asyncio.run(_prepare(any_database.url))
    passwords = (GOOD_PASSWORD, None, GOOD_PASSWORD, GOOD_PASSWORD)
    outcomes = seed_together(any_database.url, PROCESSES, passwords=passwords)
    each = ["1 rows", "created"] + ["exists"] * (PROCESSES - 1)
    assert outcomes == [(turn, outcome) for turn in range(len(passwords)) for outcome in each]
    out, err = capfd.readouterr()
    assert out.count("password:") == passwords.count(None)
    assert err == ""


async def _prepare(url: str) -> None:
    engine = engine_for(url)
    await make_tables(engine)
    await engine.dispose()


async def test_cancelled_at_every_step(any_database: TestDatabase, engine: AsyncEngine) -> None:
    """Wherever seeding is cancelled, no connection is lost and another process finds the lock free."""
    other = engine_for(any_database.url)
    step = 1
    while await _ends_cancelled(CancelAt(admin_account().seed(engine, production=True), step)):
        assert engine.pool.checkedout() == 0, step  # type: ignore[attr-defined]
        again = await admin_account().seed(other, production=True, wait_s=2)
        assert again.ok, (step, again)
        assert len(await rows(other)) == 1
        await _forget(other)
        step += 1
    assert step > FEWEST_STEPS
    await engine.dispose()
    await other.dispose()
    await asyncio.to_thread(any_database.wait_connection_count, 0)


async def _ends_cancelled(work: CancelAt[SeedReport]) -> bool:
    """Run `work` in a task of its own; whether it was cancelled, rather than ended before that step."""

    async def run() -> SeedReport:
        return await work

    task = asyncio.create_task(run())
    await asyncio.wait([task], timeout=20)
    assert task.done(), "cancelled, yet it goes on"
    if not task.cancelled():
        assert task.result().ok
    return task.cancelled()


async def _forget(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(delete(Account))


async def test_cancelled_while_the_password_is_hashed(any_database: TestDatabase, engine: AsyncEngine) -> None:
    """The longest step: the transaction is rolled back, the connection returned, the lock free again."""
    account = admin_account(hasher=PasswordHasher())
    seeding = asyncio.create_task(account.seed(engine, production=True))
    async with asyncio.timeout(10):
        while account.hasher._threads is None:  # noqa: ASYNC110 - a thread's state has no event to wait for
            await asyncio.sleep(0.001)
    seeding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await seeding
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    assert await rows(engine) == []
    assert (await admin_account(hasher=fast_hasher()).seed(engine, production=True, wait_s=2)).ok
    await engine.dispose()
    await asyncio.to_thread(any_database.wait_connection_count, 0)
