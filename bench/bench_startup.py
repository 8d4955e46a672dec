"""Start-up in production against `create_all` on a schema that exists: statements and time, on a MariaDB of its own.

Both begin with a new engine and end with `SELECT 1` answered, as a worker's start does. They take turns in one run, so
that what else the machine does meets both. Run: `python bench/bench_startup.py`, or `make bench`.
"""

import asyncio
import io
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sqlalchemy import Column, DateTime, Index, Integer, MetaData, Numeric, String, Table, text
from tests.servers import MariaDbServer
from tests.servers.database import ServerDatabase
from tests.startup.project.models import MIGRATIONS

from plimsoll import Database, DatabaseSettings
from plimsoll.engine import build_engine

MODELS = (20, 100, 500)
ROUNDS = 15
NEWEST_REVISION = "0002"


@dataclass
class Runs:
    """What several starts of one kind cost; statements as the server counts them."""

    statements: list[int] = field(default_factory=list)
    times_ms: list[float] = field(default_factory=list)

    def row(self, models: int, name: str) -> str:
        """A row of the table."""
        shortest, middle, longest = min(self.times_ms), self.median_ms, max(self.times_ms)
        return f"| {models} | {name} | {self.median_statements} | {shortest:.1f} | {middle:.1f} | {longest:.1f} |"

    @property
    def median_ms(self) -> float:
        """Milliseconds."""
        return statistics.median(self.times_ms)

    @property
    def median_statements(self) -> int:
        """Statements."""
        return int(statistics.median(self.statements))


def with_models(count: int) -> MetaData:
    """So many tables of six columns and an index."""
    metadata = MetaData()
    for number in range(count):
        Table(
            f"model_{number:03}",
            metadata,
            Column("id", Integer, primary_key=True),
            Column("name", String(80), nullable=False),
            Column("owner", Integer, nullable=False),
            Column("price", Numeric(10, 2)),
            Column("note", String(200)),
            Column("made_at", DateTime),
            Index(f"ix_model_{number:03}_owner", "owner"),
        )
    return metadata


async def by_create_all(settings: DatabaseSettings, metadata: MetaData) -> None:
    """The start that the operator's note takes out of production."""
    engine = build_engine(settings)
    async with engine.begin() as connection:
        await connection.execute(text("SELECT 1"))
        await connection.run_sync(metadata.create_all)
    await engine.dispose()


async def by_gate(settings: DatabaseSettings, metadata: MetaData) -> None:
    """The start of this library: connectivity, idle limit, revision."""
    database = Database(settings, metadata=metadata, migrations=MIGRATIONS)
    with redirect_stdout(io.StringIO()):  # a line for operators, which is no part of the table
        await database.start()
    await database.close()


async def measure(
    database: ServerDatabase,
    runs: Runs,
    start: Callable[[DatabaseSettings, MetaData], Awaitable[None]],
    models: MetaData,
) -> None:
    """Start once and note what it cost."""
    settings = DatabaseSettings(database_url=database.url, environment="production")
    asking = questions(database) - questions(database)
    before = questions(database)
    began_s = time.perf_counter()
    await start(settings, models)
    runs.times_ms.append((time.perf_counter() - began_s) * 1000)
    runs.statements.append(questions(database) - before + asking)


def questions(database: ServerDatabase) -> int:
    """How many statements clients have sent to the server, this question's own included."""
    return database.server.status("Questions")


async def compare(server: MariaDbServer, count: int) -> tuple[Runs, Runs]:
    """Both kinds of start on a schema of so many tables, in turns, after one of each that is not counted."""
    database = server.create_database()
    models = with_models(count)
    await by_create_all(DatabaseSettings(database_url=database.url), models)
    database.sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    database.sql("INSERT INTO alembic_version VALUES (%s)", NEWEST_REVISION)
    await measure(database, Runs(), by_gate, models)
    create_all, gate = Runs(), Runs()
    for _ in range(ROUNDS):
        await measure(database, create_all, by_create_all, models)
        await measure(database, gate, by_gate, models)
    database.drop()
    return create_all, gate


def main() -> None:
    """Print the comparison as Markdown."""
    ratios = []
    with MariaDbServer() as server:
        print(f"MariaDB {server.sql('SELECT VERSION()')[0][0]}, aiomysql, {ROUNDS} starts of each kind in turns\n")
        print("| models | start-up by | statements | min ms | median ms | max ms |")
        print("|---:|---|---:|---:|---:|---:|")
        for count in MODELS:
            create_all, gate = asyncio.run(compare(server, count))
            print(create_all.row(count, "create_all"))
            print(gate.row(count, "Plimsoll, production"), flush=True)
            statements = create_all.median_statements / gate.median_statements
            ratios.append(f"| {count} | {statements:.1f} | {create_all.median_ms / gate.median_ms:.1f} |")
    print("\n`create_all` against Plimsoll:\n\n| models | times the statements | times the time |\n|---:|---:|---:|")
    print("\n".join(ratios))


if __name__ == "__main__":
    main()
