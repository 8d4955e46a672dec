"""The service that `bench_seeing.py` loads: a route without the database, and one with three statements.

BENCH_SIDE `seen` is `install()` as it is. `unseen` is the same with all taken out that only serves to be seen: counts
of routes and statements, and what is gathered once a second. That is patched here, for the comparison alone.
"""

import os
from typing import Any

from fastapi import FastAPI
from sqlalchemy import text

from plimsoll import Database
from plimsoll.asgi.traffic import Traffic
from plimsoll.asgi.work import RequestWork
from plimsoll.fastapi import ReadSessionDep, install
from plimsoll.fastapi.observing import Observer
from plimsoll.snapshot.together import Together

STATEMENTS = (
    text("SELECT id, token FROM note WHERE id = 1"),
    text("SELECT count(*) AS number FROM note WHERE id < 100"),
    text("SELECT id, token FROM note ORDER BY id LIMIT 5"),
)

UNSEEN: tuple[tuple[type, str], ...] = (
    (RequestWork, "count_start"),
    (RequestWork, "count_end"),
    (RequestWork, "account"),
    (Traffic, "refused"),
    (Observer, "_schedule"),
    (Together, "begin"),
)
"""What does nothing on that side. Without an account, the pool tells nobody of waits, uses and statements."""


def make_app() -> FastAPI:
    """The application of the side that the environment names."""
    if os.environ["BENCH_SIDE"] == "unseen":
        for kind, name in UNSEEN:
            assert callable(getattr(kind, name))
            setattr(kind, name, _nothing)
    app = FastAPI()
    install(app, Database.from_env())

    @app.get("/plain")
    async def plain() -> dict[str, str]:
        """No database."""
        return {"token": "plain"}

    @app.get("/three")
    async def three(session: ReadSessionDep) -> dict[str, int]:
        """Three statements, seven rows."""
        return {"rows": sum([len((await session.execute(each)).all()) for each in STATEMENTS])}

    return app


def _nothing(*_: Any, **__: Any) -> None:
    return
