"""The service that `bench_seeing.py` loads: a route without the database, and one with three statements.

`PUT /side/seen` makes it `install()` as it is. `PUT /side/unseen` takes out all that only serves to be seen: counts of
routes and statements, what is gathered once a second, and the look whether another worker asks. That is patched here,
in the running process and for the comparison alone, since two processes of one program differ by more than is measured.
"""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from sqlalchemy import text

from plimsoll import Database
from plimsoll.asgi.traffic import Traffic
from plimsoll.asgi.work import RequestWork
from plimsoll.fastapi import ReadSessionDep, install
from plimsoll.fastapi.observing import Observer
from plimsoll.snapshot.shared import Shared

STATEMENTS = (
    text("SELECT id, token FROM note WHERE id = 1"),
    text("SELECT count(*) AS number FROM note WHERE id < 100"),
    text("SELECT id, token FROM note ORDER BY id LIMIT 5"),
)


def _nothing(*_: Any, **__: Any) -> None:
    return


UNSEEN: dict[tuple[type, str], Callable[..., Any]] = {
    (RequestWork, "count_start"): _nothing,
    (RequestWork, "count_end"): _nothing,
    # Without an account, the pool tells nobody of waits, uses and statements.
    (RequestWork, "account"): _nothing,
    (Traffic, "refused"): _nothing,
    (Observer, "_tick"): Observer._schedule,
    (Shared, "wanted"): _nothing,
}
"""What there is instead on that side."""

SEEN = {(kind, name): getattr(kind, name) for kind, name in UNSEEN}
SIDES = {"unseen": UNSEEN, "seen": SEEN}


def make_app() -> FastAPI:
    """The application, seen at first."""
    app = FastAPI()
    install(app, Database.from_env())

    @app.put("/side/{side}")
    async def become(side: str) -> None:
        """From now on."""
        for (kind, name), how in SIDES[side].items():
            setattr(kind, name, how)

    @app.get("/plain")
    async def plain() -> dict[str, str]:
        """No database."""
        return {"token": "plain"}

    @app.get("/three")
    async def three(session: ReadSessionDep) -> dict[str, int]:
        """Three statements, seven rows."""
        return {"rows": sum([len((await session.execute(each)).all()) for each in STATEMENTS])}

    return app
