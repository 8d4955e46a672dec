"""A service whose `/hold` keeps a connection for as long as its client waits."""

import asyncio

from fastapi import FastAPI
from sqlalchemy import text

from plimsoll import Database
from plimsoll.fastapi import install

database = Database.from_env()
app = FastAPI()
install(app, database)


@app.get("/hold")
async def hold() -> None:
    """Until it is cancelled."""
    async with database.session() as session:
        await session.execute(text("SELECT 1"))
        await asyncio.sleep(600)
