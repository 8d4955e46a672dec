"""Many real processes that pass the gate on one database at the same moment, several times over."""

import asyncio
import multiprocessing
from collections.abc import Callable
from queue import Empty
from typing import Any

from plimsoll import DatabaseSettings
from tests.startup.project.service import make_database

PATIENCE_S = 90.0


def start_together(url: str, count: int, rounds: int, empty: Callable[[], None]) -> list[str]:
    """Start in `count` processes at once, `rounds` times, calling `empty` before each; how each one ended."""
    spawn = multiprocessing.get_context("spawn")
    together, results = spawn.Barrier(count + 1), spawn.Queue()
    processes = [spawn.Process(target=_work, args=(url, rounds, together, results)) for _ in range(count)]
    for process in processes:
        process.start()
    outcomes: list[str] = []
    try:
        for _ in range(rounds):
            empty()
            together.wait(PATIENCE_S)
            outcomes += [results.get(timeout=PATIENCE_S) for _ in processes]
    except Empty:
        raise AssertionError(f"exit codes: {[process.exitcode for process in processes]}") from None
    finally:
        for process in processes:
            process.join(10)
            process.kill()
    return outcomes


def _work(url: str, rounds: int, together: Any, results: Any) -> None:
    for _ in range(rounds):
        together.wait(PATIENCE_S)
        results.put(asyncio.run(_start(url)))


async def _start(url: str) -> str:
    database = make_database(DatabaseSettings(database_url=url))
    try:
        await database.start()
    except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
        return f"{type(error).__name__}: {error}"
    finally:
        await database.close()
    return "started"
