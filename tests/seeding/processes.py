"""Many real processes that seed one database at the same moment, several times over."""

import asyncio
import multiprocessing
from collections.abc import Sequence
from multiprocessing.context import SpawnProcess
from queue import Empty
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from plimsoll.seeding import PasswordHasher
from tests.seeding.accounts import Account, admin_account, engine_for

PATIENCE_S = 120.0


def seed_together(url: str, count: int, *, passwords: Sequence[str | None]) -> list[tuple[int, str]]:
    """Seed in `count` processes, once for each of `passwords`, with new connections and an empty table each time.

    None as a password means development, where one is made up. Returns (round, how it ended), sorted.
    The number of accounts after a round is among them as (round, "1 rows").
    """
    spawn = multiprocessing.get_context("spawn")
    together, results = spawn.Barrier(count), spawn.Queue()
    processes = [
        spawn.Process(target=_work, args=(url, number, together, results, passwords)) for number in range(count)
    ]
    for process in processes:
        process.start()
    try:
        return sorted(results.get(timeout=PATIENCE_S) for _ in range((count + 1) * len(passwords)))
    except Empty:
        raise AssertionError(f"exit codes: {[process.exitcode for process in processes]}") from None
    finally:
        _end(processes)


def _end(processes: list[SpawnProcess]) -> None:
    for process in processes:
        process.join(10)
        if process.is_alive():
            process.kill()
            process.join()


def _work(url: str, number: int, together: Any, results: Any, passwords: Sequence[str | None]) -> None:
    for turn, password in enumerate(passwords):
        together.wait(PATIENCE_S)
        results.put((turn, asyncio.run(_seed(url, password))))
        together.wait(PATIENCE_S)
        if number == 0:
            results.put((turn, f"{asyncio.run(_count_and_empty(url))} rows"))


async def _seed(url: str, password: str | None) -> str:
    engine = engine_for(url)
    account = admin_account(password, hasher=PasswordHasher())
    try:
        report = await account.seed(engine, production=password is not None)
    except BaseException as error:  # noqa: BLE001 - whatever it is, the test shall show it
        return f"raised {error!r}"
    finally:
        await engine.dispose()
    return report.outcome if report.ok else f"{report.outcome}: {report.message}"


async def _count_and_empty(url: str) -> int:
    engine: AsyncEngine = engine_for(url)
    async with engine.begin() as connection:
        count = await connection.scalar(select(func.count()).select_from(Account))
        await connection.execute(delete(Account))
    await engine.dispose()
    return count or 0
