"""Those who wait for the place of somebody who is cancelled, and look at the server when they have got it."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import pymysql
import pytest
from sqlalchemy import text

from tests.pool.sweeping import PATIENCE_S, Scene, Waits
from tests.servers import MYSQLD, MariaDbServer, TestDatabase
from tests.servers.process import ADMIN

BLOCKED_LOOKS, LOOK_S = 30, 0.02
"""What has not waited again at so many looks, so far apart, is taken to wait for the server. Looks are counted, not
seconds: on a machine that stands still for a while they stand still too."""

SLOW_ROWS = {
    "mysql": "SELECT SLEEP(seq > 3), REPEAT('x', 100000) FROM seq_1_to_60",
    "postgresql": "SELECT pg_sleep(CASE WHEN n > 60 THEN 1 ELSE 0 END) FROM generate_series(1, 120) n",
}
"""Some come at once, and then one a second."""


async def give_up_before_rivals(scene: Scene, work: Coroutine[Any, Any, None], step: int) -> bool:
    """Cancel `work` at its n-th wait, or when it waits for the server; False in the last case. Others are in line."""
    task: asyncio.Task[None]
    waits = Waits(frozenset({step}), lambda: task.cancel())
    task = asyncio.create_task(waits.of(work))
    await asyncio.sleep(0)
    before = {link.server_id for link in scene.pool.links.in_use()}
    rivals = [asyncio.create_task(_rival(scene, before)) for _ in range(2)]
    for _ in range(BLOCKED_LOOKS):
        if not task.done():
            await asyncio.wait({task}, timeout=LOOK_S)
    reached = waits.struck
    if not reached and not task.done():
        task.cancel()
    await asyncio.wait({task}, timeout=PATIENCE_S)
    assert task.done(), "it still runs"
    for outcome in await asyncio.gather(*rivals, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
    await scene.check()
    return reached


async def _rival(scene: Scene, before: set[int | None]) -> None:
    """Gets a connection, and sees whether that of the one before is still there beside it."""
    async with asyncio.timeout(PATIENCE_S), scene.engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
        (mine,) = (link.server_id for link in scene.pool.links.in_use())
        there = {row[0] for row in await asyncio.to_thread(scene.database.connections)}
        assert not (before & there) - {mine}, "the place was given on while the server still worked for the one before"


@contextmanager
def slow_commits(database: TestDatabase) -> Iterator[None]:
    """Nothing that was written is committed while this lasts."""
    if database.kind == "postgres":
        for statement in _SLEEPY:
            database.sql(statement)
        yield
        return
    if MYSQLD:
        pytest.skip("MySQL has no lock that holds back commits alone")
    server = database.server
    assert isinstance(server, MariaDbServer)
    admin = pymysql.connect(unix_socket=str(server.socket), user=ADMIN, password=server.admin_password)
    try:
        with admin.cursor() as cursor:
            cursor.execute("BACKUP STAGE START")
            cursor.execute("BACKUP STAGE BLOCK_COMMIT")
            yield
    finally:
        admin.close()


_SLEEPY = (
    "CREATE FUNCTION sleepy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$",
    (
        "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON note DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION sleepy()"
    ),
)
