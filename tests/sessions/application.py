"""A small application that does with sessions what applications do, right and wrong; served by the tests."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import BackgroundTasks, Depends, FastAPI
from fastapi.responses import PlainTextResponse, StreamingResponse
from sqlalchemy import ForeignKeyConstraint, String, event, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.util import await_only

from plimsoll import Database, DatabaseSettings
from plimsoll.errors import SessionEndedError
from plimsoll.fastapi import (
    IntegrityConflict,
    ReadSessionDep,
    SessionDep,
    TransactionDep,
    get_session,
    get_transaction,
    install,
)


class Base(DeclarativeBase):
    """The tests' models."""


class Note(Base):
    """A row with a unique name."""

    __tablename__ = "note"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)


class Pair(Base):
    """Half of a pair: the invariant is that halves come in twos, since one transaction writes both."""

    __tablename__ = "pair"

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(String(80), index=True)
    half: Mapped[int]


DEFERRED: Any = {"deferrable": True, "initially": "DEFERRED"}


class Late(Base):
    """Refers to a note; on PostgreSQL and SQLite the check waits for the commit, which then fails."""

    __tablename__ = "late"

    id: Mapped[int] = mapped_column(primary_key=True)
    note_id: Mapped[int]

    __table_args__ = (
        ForeignKeyConstraint(["note_id"], [Note.id]).ddl_if(dialect="mysql"),
        ForeignKeyConstraint(["note_id"], [Note.id], **DEFERRED).ddl_if(dialect="postgresql"),
        ForeignKeyConstraint(["note_id"], [Note.id], **DEFERRED).ddl_if(dialect="sqlite"),
    )


OutlivingSession = Annotated[AsyncSession, Depends(get_session)]
"""As the operator's note declares it: FastAPI's default scope, which ends after the response was sent."""

OutlivingTransaction = Annotated[AsyncSession, Depends(get_transaction)]

BIG_CHUNK = b"x" * 65_536
BIG_CHUNKS = 80


def make_app(database: Database) -> FastAPI:
    """The application on one database. `app.state.seen` collects what a test asks about afterwards."""
    app = FastAPI()
    install(app, database)
    app.state.seen = []
    _add_plain_routes(app)
    _add_committing_routes(app)
    _add_slow_writers(app, database)
    _add_late_users(app, database)
    return app


def _sleep(seconds: float, dialect: str) -> Any:
    function = {"mysql": "SLEEP", "postgresql": "pg_sleep"}[dialect]
    return text(f"SELECT {function}({seconds})")


def _add_plain_routes(app: FastAPI) -> None:
    @app.post("/notes")
    async def add(session: SessionDep, name: str) -> dict[str, str]:
        session.add(Note(name=name))
        await session.commit()
        return {"name": name}

    @app.post("/conflicting-notes", dependencies=[IntegrityConflict])
    async def add_or_conflict(session: SessionDep, name: str) -> dict[str, str]:
        session.add(Note(name=name))
        await session.commit()
        return {"name": name}

    @app.post("/forgotten")
    async def forget_to_commit(session: SessionDep, name: str, how: str) -> None:
        note = Note(name=name)
        if how == "statement":
            await session.execute(text("INSERT INTO note (name) VALUES (:name)"), {"name": name})
            return
        session.add(note)
        if how != "pending":
            await session.flush()
        if how == "rolled back":
            await session.rollback()
        if how == "savepoint released":
            async with session.begin_nested():
                pass
        if how == "failing":
            raise LookupError("no such thing")

    @app.get("/notes")
    async def read(session: ReadSessionDep) -> list[str]:
        return list(await session.scalars(select(Note.name).order_by(Note.name)))

    @app.post("/read-that-writes")
    async def write_in_read(session: ReadSessionDep, how: str) -> None:
        if how == "statement":
            await session.execute(text("DELETE FROM note"))
        session.add(Note(name="x"))
        if how == "autoflush":
            await session.scalars(select(Note))
        await session.commit()

    @app.get("/pairs/slow")
    async def write_a_pair_slowly(session: SessionDep, token: str) -> None:
        session.add(Pair(token=token, half=1))
        await session.flush()
        await asyncio.sleep(0.05)
        session.add(Pair(token=token, half=2))
        await session.commit()

    @app.get("/sleep")
    async def sleep_in_database(session: SessionDep, seconds: float) -> None:
        await session.execute(_sleep(seconds, session.get_bind().dialect.name))


def _add_committing_routes(app: FastAPI) -> None:
    @app.get("/pairs/committing")
    async def commit_a_pair_slowly(session: TransactionDep, token: str) -> None:
        event.listen(session.sync_session, "before_commit", lambda _session: await_only(asyncio.sleep(0.05)))
        session.add_all([Pair(token=token, half=1), Pair(token=token, half=2)])

    @app.post("/transactions")
    async def transaction(session: TransactionDep, name: str) -> dict[str, str]:
        session.add(Note(name=name))
        return {"name": name}

    @app.post("/failing-transactions")
    async def failing_transaction(session: TransactionDep, name: str) -> None:
        session.add(Note(name=name))
        await session.flush()
        raise LookupError("no such thing")

    @app.post("/deferred")
    async def deferred_failure(session: TransactionDep) -> dict[str, str]:
        await session.execute(text("INSERT INTO late (note_id) VALUES (424242)"))
        return {"answer": "must never be seen"}

    @app.post("/killed")
    async def commit_on_killed_connection(session: TransactionDep, name: str) -> dict[str, str]:
        session.add(Note(name=name))
        await session.flush()
        await app.state.kill(session)
        return {"answer": "must never be seen"}

    @app.post("/outliving-transactions")
    async def outliving_transaction(session: OutlivingTransaction, name: str) -> dict[str, str]:
        session.add(Note(name=name))
        return {"answer": "must never be seen"}


def _add_slow_writers(app: FastAPI, database: Database) -> None:
    @app.get("/forgotten-while-stopping")
    async def write_and_linger(session: SessionDep) -> None:
        session.add(Note(name="never committed"))
        await session.flush()
        await asyncio.sleep(60)
        await session.commit()

    @app.get("/stream-while-stopping")
    async def stream_and_linger() -> StreamingResponse:
        async def body() -> AsyncIterator[str]:
            async with database.session() as session:
                session.add(Note(name="never committed"))
                await session.flush()
                yield "begun\n"
                await asyncio.sleep(60)
                await session.commit()

        return StreamingResponse(body())


def _add_late_users(app: FastAPI, database: Database) -> None:
    def watch() -> None:
        app.state.seen.append(database.engine.sync_engine.pool.checkedout())  # type: ignore[attr-defined]

    async def late_use(session: AsyncSession) -> None:
        watch()
        try:
            await session.scalar(select(func.count()).select_from(Note))
        except SessionEndedError as error:
            app.state.seen.append(str(error))

    @app.get("/stream")
    async def stream(session: SessionDep) -> StreamingResponse:
        names = list(await session.scalars(select(Note.name)))

        async def body() -> AsyncIterator[str]:
            watch()
            for name in names:
                yield f"{name}\n"

        return StreamingResponse(body())

    @app.get("/stream-that-reads")
    async def stream_that_reads(session: OutlivingSession) -> StreamingResponse:
        await session.scalars(select(Note.name))

        async def body() -> AsyncIterator[str]:
            await late_use(session)
            yield "end\n"

        return StreamingResponse(body())

    @app.get("/stream-rightly")
    async def stream_rightly() -> StreamingResponse:
        async def body() -> AsyncIterator[str]:
            async with database.read_session() as session:
                for name in await session.scalars(select(Note.name)):
                    yield f"{name}\n"
                    await asyncio.sleep(0.01)

        return StreamingResponse(body())

    @app.get("/outliving")
    async def outliving(session: OutlivingSession, tasks: BackgroundTasks) -> str:
        await session.scalars(select(Note.name))
        tasks.add_task(late_use, session)
        return "ok"

    @app.get("/big")
    async def big(session: OutlivingSession) -> StreamingResponse:
        await session.scalars(select(Note.name))

        async def body() -> AsyncIterator[bytes]:
            for _ in range(BIG_CHUNKS):
                yield BIG_CHUNK

        return StreamingResponse(body())

    @app.get("/pool")
    async def pool() -> PlainTextResponse:
        return PlainTextResponse(str(database.engine.sync_engine.pool.checkedout()))  # type: ignore[attr-defined]

    @app.get("/pool/idle")
    async def idle() -> PlainTextResponse:
        return PlainTextResponse(str(database.engine.sync_engine.pool.checkedin()))  # type: ignore[attr-defined]


def make_database(url: str, **settings: Any) -> Database:
    """A small pool on `url`."""
    chosen = {"pool_size": 5, "max_overflow": 0, "pool_timeout_s": 20, "cleanup_timeout_s": 5, **settings}
    return Database(DatabaseSettings(database_url=url, **chosen), metadata=Base.metadata)
