"""A small application that takes its time, served by the tests: `uvicorn tests.serving.application:app`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from plimsoll import Database, DatabaseSettings
from plimsoll.fastapi import SessionDep, install


class Base(DeclarativeBase):
    """The tests' models."""


class Note(Base):
    """A row with a name."""

    __tablename__ = "note"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Says when it ends."""
    yield
    print("application ended", flush=True)


database = Database(DatabaseSettings.from_env(env_file=None), metadata=Base.metadata)
app = FastAPI(lifespan=lifespan)
install(app, database)


@app.get("/quick")
async def quick() -> str:
    """No database."""
    return "quick"


@app.get("/work")
async def work(session: SessionDep, name: str, seconds: float) -> str:
    """A transaction that takes `seconds`."""
    session.add(Note(name=name))
    await session.flush()
    print(f"in transaction: {name}", flush=True)
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        await asyncio.sleep(0.3)
        print(f"tidied up: {name}", flush=True)
        raise
    await session.commit()
    return name


@app.get("/stream")
async def stream(name: str, seconds: float) -> StreamingResponse:
    """The same, but the response has started."""

    async def body() -> AsyncIterator[str]:
        async with database.session() as session:
            session.add(Note(name=name))
            await session.flush()
            yield "begun\n"
            print(f"in transaction: {name}", flush=True)
            await asyncio.sleep(seconds)
            await session.commit()
            yield "ended\n"

    return StreamingResponse(body())
