"""The checks of SQLite on real files: with Plimsoll's engine, and with one that sets nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import create_engine, event, text
from sqlalchemy.ext.asyncio import create_async_engine

from plimsoll.checks.verdict import Found, Passed
from plimsoll.host import place_of
from plimsoll.server import ServerFacts, read_facts
from tests.checks.healthy import deployment, verdict
from tests.server.asking import facts_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import SqliteDatabase

PRAGMAS = ("PL503", "PL504", "PL505", "PL506")


async def test_plimsoll_s_engine_sets_a_connection_up(sqlite_database: SqliteDatabase) -> None:
    """Write-ahead log, waiting, keys, syncing."""
    facts = deployment(await facts_of(sqlite_database.url))
    for check_id in PRAGMAS:
        assert isinstance(verdict(check_id, facts), Passed)


async def test_an_engine_that_sets_nothing_is_found(sqlite_database: SqliteDatabase) -> None:
    """And one that has heard of speed."""
    facts = deployment(await _of_bare_engine(sqlite_database.url))
    assert isinstance(verdict("PL503", facts), Found)
    assert isinstance(verdict("PL505", facts), Found)
    facts = deployment(
        await _of_bare_engine(
            sqlite_database.url, "PRAGMA synchronous = OFF", "PRAGMA busy_timeout = 0", "PRAGMA journal_mode = MEMORY"
        )
    )
    for check_id in PRAGMAS:
        assert isinstance(verdict(check_id, facts), Found)


async def _of_bare_engine(url: str, *pragmas: str) -> ServerFacts:
    engine = create_async_engine(url)

    @event.listens_for(engine.sync_engine, "connect")
    def _set_up(connection: object, record: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    try:
        async with engine.connect() as connection:
            return await read_facts(connection)
    finally:
        await engine.dispose()


async def test_the_journal_s_mode_stays_with_the_file(sqlite_database: SqliteDatabase) -> None:
    """So that the command that is advised mends it for every connection."""
    found = verdict("PL503", deployment(await _of_bare_engine(sqlite_database.url)))
    assert isinstance(found, Found)
    (change,) = found.changes
    command = change.text.split("'")[-2]
    assert str(sqlite_database.path) in change.text
    engine = create_engine(f"sqlite:///{sqlite_database.path}")
    with engine.connect() as connection:
        assert connection.execute(text(command)).scalar() == change.value
    engine.dispose()
    assert isinstance(verdict("PL503", deployment(await _of_bare_engine(sqlite_database.url))), Passed)


async def test_the_place_of_a_real_file_is_known(sqlite_database: SqliteDatabase, tmp_path: Path) -> None:
    """It exists once there is a database, its directory may be written, and it is on some file system."""
    assert not place_of(str(tmp_path / "none" / "file")).directory_exists
    server = await facts_of(sqlite_database.url)
    place = place_of(str(sqlite_database.path))
    assert place.exists
    assert place.directory_writable
    assert place.filesystem
    assert isinstance(verdict("PL509", deployment(server, place=place)), Passed)
