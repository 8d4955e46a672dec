"""Many real processes that seed one database at the same moment."""

import asyncio
import multiprocessing
from multiprocessing.context import SpawnProcess
from queue import Empty
from typing import Any

from plimsoll.seeding import PasswordHasher
from tests.seeding.accounts import admin_account, engine_for

JOIN_S = 120.0


def seed_together(url: str, count: int, *, production: bool, password: str | None) -> list[str]:
    """Seed in `count` processes, which begin once all of them are ready; how each ended, in any order."""
    spawn = multiprocessing.get_context("spawn")
    start, results = spawn.Barrier(count), spawn.Queue()
    arguments = (url, start, results, production, password)
    processes = [spawn.Process(target=_seed, args=arguments) for _ in range(count)]
    for process in processes:
        process.start()
    try:
        return [results.get(timeout=JOIN_S) for _ in processes]
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


def _seed(url: str, start: Any, results: Any, production: bool, password: str | None) -> None:
    async def run() -> str:
        engine = engine_for(url)
        account = admin_account(password, hasher=PasswordHasher())
        start.wait(JOIN_S)
        report = await account.seed(engine, production=production)
        await engine.dispose()
        return report.outcome if report.ok else f"{report.outcome}: {report.message}"

    try:
        results.put(asyncio.run(run()))
    except BaseException as error:
        results.put(f"raised {error!r}")
        raise
