"""What SQLite tells of a file."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import create_async_engine

from plimsoll.server import read_facts
from tests.server.asking import facts_of

if TYPE_CHECKING:
    from tests.servers import SqliteDatabase


async def test_the_pragmas_that_matter_are_told(sqlite_database: SqliteDatabase) -> None:
    """As our connections have them, with the file's place."""
    facts = await facts_of(sqlite_database.url)
    assert facts.unread == {}
    assert (facts.dialect, facts.flavour) == ("sqlite", "sqlite")
    assert facts.version == sqlite3.sqlite_version_info
    assert facts.variables["file"] == facts.database == str(sqlite_database.path)
    assert facts.variables["journal_mode"] == "wal"
    assert facts.number("busy_timeout") == 5000
    assert facts.on("foreign_keys")
    assert facts.number("synchronous") == 1
    assert facts.number("page_size")
    assert facts.number("wal_autocheckpoint") == 1000
    assert facts.charset == "UTF-8"
    assert "THREADSAFE" in facts.status["compile_options"]
    assert (facts.is_local, facts.account, facts.max_connections) == (True, None, None)


async def test_a_database_in_memory_has_no_file() -> None:
    """And the facts name none."""
    facts = await facts_of("sqlite+aiosqlite://")
    assert facts.variables["file"] == ""
    assert facts.database is None


async def test_a_file_that_is_no_database_is_told_as_far_as_it_can_be(sqlite_database: SqliteDatabase) -> None:
    """Questions about the file fail one by one; SQLite's version and our connection's own settings are known."""
    sqlite_database.path.write_bytes(b"no database at all " * 500)
    engine = create_async_engine(sqlite_database.url)
    async with engine.connect() as connection:
        facts = await read_facts(connection)
        assert not connection.in_transaction()
    await engine.dispose()
    assert facts.version == sqlite3.sqlite_version_info
    assert facts.unread["journal_mode"] == "file is not a database"
    assert "journal_mode" not in facts.variables
    assert facts.number("busy_timeout") == 5000
