"""All breakages: what is broken in one step, and which check has to say so."""

import pymysql

from tests.checks.breakages.breakage import (
    Breakage,
    Step,
    after,
    asked,
    before,
    both,
    code,
    env,
    file,
    in_git,
    limits,
    mode,
    more_code,
    options,
    server,
    sql,
    variables,
)
from tests.checks.breakages.deployment import CHEAP_HASHER, Deployment
from tests.servers import FaultProxy
from tests.servers.places import free_port

NEXT_REVISION = '''\
"""A table of the next release"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table("notes", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade() -> None:
    op.drop_table("notes")
'''

NEW_COLUMN = "    nickname: Mapped[str | None] = mapped_column(String(40))\n"

SECOND_ENGINE = """
from sqlalchemy.ext.asyncio import create_async_engine

reports = create_async_engine(settings.url, pool_size=5)
"""

SILENT = """
import logging

logging.getLogger("plimsoll.pool").setLevel(logging.CRITICAL)
"""

SLOW_PAGE = """
import asyncio
from itertools import count

_asked = count()


@app.get("/reports")
async def reports() -> str:
    await asyncio.sleep(0 if next(_asked) % 8 else 1.2)
    return "done"
"""

FAILING_PAGE = """
@app.get("/reports")
async def reports() -> str:
    raise LookupError("no reports yet")
"""

HOLDING_PAGE = """
import asyncio

from plimsoll.fastapi import SessionDep
from sqlalchemy import text


@app.post("/reports")
async def reports(session: SessionDep) -> None:
    await session.execute(text("SELECT 1"))
    await asyncio.sleep(0.5)
"""

OVERLONG_PAGE = """
import asyncio

from plimsoll.fastapi import SessionDep
from sqlalchemy import text


@app.post("/reports")
async def reports(session: SessionDep) -> None:
    await session.execute(text("SELECT 1"))
    await asyncio.sleep(3)
"""

LYING_PAGE = """
@app.get("/status")
async def status() -> str:
    return "ok"
"""

GROWING_PAGE = """
import asyncio
import os

kept = []


async def _grow() -> None:
    while True:
        kept.append(os.urandom(1 << 18))
        await asyncio.sleep(0.1)


@app.post("/reports")
async def reports() -> None:
    kept.append(asyncio.create_task(_grow()))
"""

LOSING_PAGE = """
import gc

from sqlalchemy import text


@app.post("/reports")
async def reports() -> None:
    connection = await database.engine.connect()
    await connection.execute(text("SELECT 1"))
    del connection
    gc.collect()
"""

FORGETTING_PAGE = """
from sqlalchemy import text

kept = []


@app.post("/reports")
async def reports() -> None:
    connection = await database.engine.connect()
    await connection.execute(text("UPDATE accounts SET name = name"))
    kept.append(connection)
"""

HUNGRY_PAGE = """
@app.post("/reports")
async def reports() -> None:
    raise MemoryError
"""


def _database_gone(deployment: Deployment) -> None:
    deployment.database.sql(f"DROP DATABASE `{deployment.database.name}`")


def _server_down(deployment: Deployment) -> None:
    deployment.set(DATABASE_URL=deployment.database.url_for(port=free_port()))


def _wrong_password(deployment: Deployment) -> None:
    password = deployment.database.password
    assert password is not None
    deployment.set(DATABASE_URL=deployment.database.url.replace(password, "not-the-password"))


def _guessable_admin(deployment: Deployment) -> None:
    deployment.database.sql("UPDATE accounts SET password_hash = %s", CHEAP_HASHER.hash("admin123"))


def _elsewhere_without_tls(deployment: Deployment) -> None:
    # Reserved for documentation (RFC 6761): no name server has it.
    url = deployment.database.url_for(host="db.venues.invalid")
    deployment.set(DATABASE_URL=url, DB_SSL_MODE="off")


def _on_sqlite(**more: str) -> Step:
    def step(deployment: Deployment) -> None:
        # Directories of tests are in temporary places, which PL508 says.
        deployment.options += ("--skip", "PL508")
        deployment.set(DATABASE_URL=f"sqlite:///{deployment.home / 'venues.sqlite3'}", **more)
        deployment.prepare()

    return step


def _stranger(deployment: Deployment) -> None:
    database = deployment.database
    deployment.kept.append(
        pymysql.connect(
            host=database.host or "",
            port=database.port or 0,
            user=database.user,
            password=database.password or "",
            database=database.name,
        )
    )


def _by_a_way(deployment: Deployment) -> None:
    way = FaultProxy(deployment.database.port or 0).open()
    deployment.kept.append(way)
    deployment.set(DATABASE_URL=deployment.database.url_for(port=way.port))


def _cut_the_way(deployment: Deployment) -> None:
    for way in deployment.kept:
        if isinstance(way, FaultProxy):
            way.refuse()
            way.cut()


BREAKAGES: tuple[Breakage, ...] = (
    # Settings and files.
    before("a setting has a value that it cannot have", env(DB_POOL_SIZE="many"), "PL001"),
    before("a setting is misspelled", env(DB_POOL_SZIE="6"), "PL002"),
    before("production is not detected", env(ENVIRONMENT=""), "PL003"),
    before(".env can be read by everyone", mode(0o644), "PL004"),
    before(".env is tracked by git", in_git("add", "--force", ".env"), "PL006"),
    before("git would take .env", file(".gitignore", ""), "PL007"),
    before(
        "a suppression has expired",
        file("plimsoll-checks.toml", '[PL331]\nreason = "until the new disk is there"\nuntil = 2025-01-31\n'),
        "PL090",
    ),
    # The way to the database.
    before("the server is down", _server_down, "PL010"),
    before("the password is wrong", _wrong_password, "PL011"),
    before("the database is gone", _database_gone, "PL011"),
    before("the account has too many privileges", sql("GRANT FILE ON *.* TO '{name}'@'%'"), "PL012"),
    before("the account may not write", sql("REVOKE INSERT ON `{name}`.* FROM '{name}'@'%'"), "PL013"),
    before("the account may not migrate", sql("REVOKE ALTER ON `{name}`.* FROM '{name}'@'%'"), "PL014"),
    before(
        "TLS is off for a server elsewhere",
        _elsewhere_without_tls,
        "PL010",
        "PL015",
        why="no server elsewhere can be had in a test: the name is one that nobody has, so it cannot be reached either",
    ),
    # The application, its schema and its accounts.
    before("the release does not parse", more_code("app/main.py", "def broken(:\n"), "PL100"),
    before("a second engine is made", more_code("app/db.py", SECOND_ENGINE), "PL101"),
    before("a migration was not run", more_code("migrations/versions/0007_notes.py", NEXT_REVISION), "PL110"),
    before("a column was dropped", sql("ALTER TABLE items DROP COLUMN description"), "PL111"),
    before(
        "the column that the release needs was dropped",
        sql("ALTER TABLE items DROP COLUMN performance_team_profile"),
        "PL112",
    ),
    before(
        "the models have what the schema has not",
        code(
            "app/models/accounts.py",
            "    is_active:",
            "    nickname: Mapped[str | None] = mapped_column(String(40))\n    is_active:",
        ),
        "PL111",
    ),
    before("there is no administrator", both(sql("DELETE FROM accounts"), env(ADMIN_PASSWORD="")), "PL120"),
    before("the administrator's password can be guessed", _guessable_admin, "PL121"),
    before("ADMIN_PASSWORD is weak", env(ADMIN_PASSWORD="venues"), "PL122"),
    # What fits.
    before("the pool is too large for max_connections", env(DB_POOL_SIZE="90"), "PL201"),
    before(
        "the pool is too large for the account", sql("ALTER USER '{name}'@'%' WITH MAX_USER_CONNECTIONS 8"), "PL202"
    ),
    before("the pools do not fit while a deployment replaces workers", env(WEB_CONCURRENCY="5"), "PL203"),
    before("connections are kept longer than the server keeps them", env(DB_POOL_RECYCLE="3600"), "PL205"),
    before("the wait for a connection outlasts the request", env(DB_POOL_TIMEOUT="40"), "PL207"),
    before("the request outlasts the proxy", env(REQUEST_TIMEOUT="120"), "PL208"),
    before("statements have no limit", env(DB_STATEMENT_TIMEOUT="0"), "PL209"),
    before("connecting may take longer than the wait for it", env(DB_CONNECT_TIMEOUT="25"), "PL210"),
    before("the service is killed while it stops", env(SHUTDOWN_TIMEOUT="120"), "PL211"),
    before("the line is longer than the wait", env(DB_POOL_MAX_WAITING="5000"), "PL212"),
    before("more are kept open than the pool is large", env(DB_POOL_MIN_IDLE="8"), "PL213"),
    before("the waits of pool and request are equal", env(DB_POOL_TIMEOUT="30"), "PL909"),
    # MariaDB.
    before("the slow log is off", server(slow_query_log=0), "PL331"),
    before("the server is not strict", server(sql_mode=""), "PL352"),
    before("the server takes no writes", server(read_only=1), "PL363"),
    before("the server's time is not UTC", server(time_zone="+05:30"), "PL351"),
    before("transactions read what is not committed", server(tx_isolation="READ-UNCOMMITTED"), "PL353"),
    before("a packet is smaller than a request's body", server(max_allowed_packet=65_536), "PL355"),
    before("a table cannot roll back", sql("CREATE TABLE extra (id INT) ENGINE=MyISAM"), "PL343"),
    before(
        "a table is in latin1",
        sql("CREATE TABLE extra (id INT, name VARCHAR(40)) CHARACTER SET latin1"),
        "PL341",
    ),
    before(
        "more connections are admitted than memory carries",
        server(max_connections=5000),
        "PL311",
    ),
    # PostgreSQL and SQLite.
    before(
        "a forgotten transaction stays open",
        sql("ALTER ROLE {name} SET idle_in_transaction_session_timeout = 0"),
        "PL411",
        kind="postgres",
    ),
    before(
        "PostgreSQL: the pool is too large for the role",
        sql("ALTER ROLE {name} CONNECTION LIMIT 8"),
        "PL202",
        kind="postgres",
    ),
    before("SQLite in production", _on_sqlite(), "PL501"),
    before(
        "several workers on one SQLite file",
        _on_sqlite(WEB_CONCURRENCY="3"),
        "PL501",
        "PL502",
        why="it is SQLite in production as well, which is fine for one worker at most",
    ),
    # The process and the host.
    before("the address space is limited", limits("ulimit -v 4194304"), "PL903"),
    before("few files may be open", limits("ulimit -n 120"), "PL602"),
    before("asyncio's debug mode is on", variables(PYTHONASYNCIODEBUG="1"), "PL606"),
    before("TLS of clients ends in the process", variables(UVICORN_SSL_KEYFILE="/etc/ssl/venues.key"), "PL911"),
    before("the log of the pool is silenced", more_code("app/main.py", SILENT), "PL906"),
    # The running service.
    after("the service does not run", "PL701", serving=False),
    after("another release runs", "PL703", step=options("--release", "2025.11.3")),
    after("the service was started as development", "PL704", ENVIRONMENT="development"),
    after("a page is slow", "PL705", step=more_code("app/main.py", SLOW_PAGE)),
    after("a page fails", "PL706", step=more_code("app/main.py", FAILING_PAGE)),
    after("a worker is missing", "PL708", step=env(WEB_CONCURRENCY="2"), WEB_CONCURRENCY="1"),
    after(
        "the pool was exhausted",
        "PL710",
        # Else requests that find no connection free are refused before they stand in the pool's line (PL809).
        step=both(more_code("app/main.py", HOLDING_PAGE), env(ADMISSION="false")),
        then=asked("POST", "/reports", times=16),
    ),
    after(
        "requests wait in vain for a connection",
        "PL710",
        "PL802",
        step=both(more_code("app/main.py", OVERLONG_PAGE), env(ADMISSION="false")),
        then=asked("POST", "/reports", times=16),
        why="who waits in vain has found the pool exhausted, which is said for itself where nobody waits too long",
        DB_POOL_TIMEOUT="1",
    ),
    after("a client that nobody knows is on the database", "PL712", then=_stranger),
    after(
        "a transaction is forgotten",
        "PL713",
        step=both(more_code("app/main.py", FORGETTING_PAGE), env(DB_IDLE_TRANSACTION="0.5")),
        then=both(asked("POST", "/reports"), lambda deployment: deployment.wait(1.5)),
    ),
    after("connections leak", "PL714", step=more_code("app/main.py", LOSING_PAGE), then=asked("POST", "/reports")),
    after(
        "memory grows",
        "PL805",
        step=both(more_code("app/main.py", GROWING_PAGE), options("--watch", "12s")),
        then=asked("POST", "/reports"),
    ),
    after("memory ran out", "PL801", step=more_code("app/main.py", HUNGRY_PAGE), then=asked("POST", "/reports")),
    after(
        "the database is gone while the service runs",
        "PL011",
        "PL702",
        "PL706",
        then=_database_gone,
        why="it refuses this command, and neither the service's pages nor its ready page can be without it",
    ),
    after(
        "a health page says ok while the database is gone",
        "PL011",
        "PL702",
        "PL706",
        "PL707",
        step=more_code("app/main.py", LYING_PAGE),
        then=_database_gone,
        why="a page lies only while there is something to tell: the others are what a database that is gone comes to",
    ),
    after(
        "the way to the server is cut while the service runs",
        "PL010",
        "PL702",
        "PL706",
        "PL804",
        step=_by_a_way,
        then=_cut_the_way,
        why="neither this command nor the service gets there: it is not ready, its pages fail, connecting was tried",
    ),
)
