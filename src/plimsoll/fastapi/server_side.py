"""The database server's side of a snapshot: asked over a connection of its own, which waits for no pool, only while
somebody looks, by one at a time for all who do."""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass, field, replace
from typing import Literal

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from plimsoll.asgi.pools import PoolOfEngine
from plimsoll.engine import build_engine
from plimsoll.fastapi.neighbours import Neighbourhood
from plimsoll.fastapi.views import holder_views
from plimsoll.server import ServerFacts, read_clients, read_facts, server_of
from plimsoll.server.facts import ServerClients
from plimsoll.server.place import handshake_of
from plimsoll.server.words import words_of
from plimsoll.session.cleanup import finish
from plimsoll.settings import DatabaseSettings, TopologySettings
from plimsoll.snapshot import ServerView
from plimsoll.snapshot.processes import IDLE_TRANSACTION_S, Neighbours, Ours, connection_name, joined

LIMIT_S = 2.0
"""Whoever asks waits no longer, whatever the server does."""

FACTS_LIMIT_S = 10.0
"""For all facts, some twenty round trips: whoever looks first may have to look once more to see them."""

KEPT_S = 15.0
"""So long after the last question the connection is closed: a console asks every few seconds."""

FACTS_S = 600.0
"""All facts are read anew after so long: what they say changes with an administrator's work."""

SAME_START_S = 3.0
"""Moments of a start that are as near are one: servers tell whole seconds, and may be slow to answer."""

RESTARTED = "The database server was started anew."
MOVED = "Another database server answers than before: a failover, or a name that leads elsewhere now."


@dataclass(eq=False)
class ServerSide:
    """Of one worker, in one event loop. `facts_changed` is told of new facts, `happened` of what befell the server, in
    words."""

    settings: DatabaseSettings
    pool: PoolOfEngine
    topology: Callable[[], TopologySettings]
    facts_changed: Callable[[ServerFacts], None]
    happened: Callable[[str, str], None]
    view: ServerView | None = None
    """As it was when it was asked last; None before."""
    own_id: int | None = None
    """What the server calls the connection that asks, while there is one."""
    _neighbourhood: Neighbourhood = field(default_factory=Neighbourhood)
    _engine: AsyncEngine | None = None
    _connection: AsyncConnection | None = None
    _work: asyncio.Task[None] | None = None
    _ended: set[asyncio.Task[None]] = field(default_factory=set)
    _timer: asyncio.TimerHandle | None = None
    _facts: ServerFacts | None = None
    _facts_s: float = float("-inf")
    _before: tuple[str, float] | None = None
    """Which server answered last, and when it was started, on our clock."""
    _asked_s: float = float("-inf")
    _began_s: float = 0.0
    """When the last question began: a time of day, where `_asked_s` is when it was answered or given up."""

    async def refresh(self, max_age_s: float) -> None:
        """See to it that `view` is no older than that, or says why it is."""
        if self.settings.dialect == "sqlite" or time.monotonic() - self._asked_s <= max_age_s:
            return
        work = self._work
        if work is None or work.done() or work.get_loop() is not asyncio.get_running_loop():
            # Nobody's context: it works under no request's deadline. And nobody's who goes away meanwhile.
            work = asyncio.get_running_loop().create_task(self._ask(), name="plimsoll server's side", context=Context())
            self._work = work
        await asyncio.wait({work}, timeout=LIMIT_S)

    async def close(self, limit_s: float) -> None:
        """Ask no more, and leave no connection."""
        if self._timer is not None:
            self._timer.cancel()
        if self._work is not None and not self._work.done():
            self._work.cancel()
            await asyncio.wait({self._work}, timeout=limit_s)
        await finish(self._hang_up(), limit_s)

    async def _ask(self) -> None:
        """Every failure of it is words in the view; also of those who look at it without waiting for so long."""
        if self._timer is not None:
            self._timer.cancel()
        self._began_s = time.time()
        late = asyncio.get_running_loop().call_later(LIMIT_S, self._note_silence, context=Context())
        try:
            async with asyncio.timeout(FACTS_LIMIT_S if self._facts_are_old else LIMIT_S):
                kept = self._connection is not None
                found = await self._read()
                if kept and not _answered(found):  # somebody, or wait_timeout, ended that one connection
                    found = await self._read()
        except TimeoutError:
            self._note_silence()
            await self._hang_up(politely=False)
        except Exception as error:  # noqa: BLE001 - whatever the server or the driver makes of it, somebody looks at it
            self._note(words_of(error))
            await self._hang_up(politely=False)
        else:
            if found.unread.get("clients"):
                self._note(found.unread["clients"])
            self._timer = asyncio.get_running_loop().call_later(KEPT_S, self._let_go, context=Context())
        finally:
            late.cancel()

    async def _read(self) -> ServerClients:
        """What is found is looked at; where the connection was lost, nothing is, and it is given up."""
        connection = await self._connected()
        facts = await self._known(connection)
        pool = self.pool.pool
        before = set(pool.server_ids())
        found = await read_clients(connection, facts)
        if _answered(found):
            self._look(facts, found, before | set(pool.server_ids()))
        else:
            await self._hang_up(politely=False)
        return found

    async def _connected(self) -> AsyncConnection:
        if self._engine is None:
            self._engine = build_engine(self.settings, pooled=False)
            name_connections(self._engine, self.settings)
        if self._connection is None:
            connection = self._engine.connect()
            await connection.start()
            self._connection = connection
            self.own_id = (await handshake_of(connection)).number
        return self._connection

    async def _known(self, connection: AsyncConnection) -> ServerFacts:
        """The facts, read anew from time to time, and where another server answers than before."""
        if self._facts is None or self._facts_are_old:
            self._facts = await read_facts(connection)
            self._facts_s = time.monotonic()
            self.facts_changed(self._facts)
        return self._facts

    @property
    def _facts_are_old(self) -> bool:
        return time.monotonic() - self._facts_s > FACTS_S

    def _look(self, facts: ServerFacts, found: ServerClients, ids: set[int]) -> None:
        account, tells_names = facts.account, "applications" not in facts.unread
        pid = os.getpid()
        neighbours = Neighbours()
        if not tells_names:
            neighbours = self._neighbourhood.look(found.clients, ids, only_host=self.topology().hosts == 1)
        views = holder_views(self.pool.pool.who(), pid, self.settings.dialect)
        ours = Ours(
            application=self.settings.application_name,
            host=socket.gethostname(),
            pid=pid,
            user=account.user if account is not None else None,
            ids=ids,
            holders={view.server_id: view for view in views if view.server_id is not None},
            idle_limit_s=self.settings.idle_transaction_s or IDLE_TRANSACTION_S,
            tells_names=tells_names,
            neighbours=neighbours,
        )
        self._compare(found)
        self._asked_s = time.monotonic()
        self.view = ServerView(
            at_s=time.time(),
            dialect=facts.dialect,
            version=facts.version_text,
            max_connections=facts.max_connections,
            connections=found.connections if found.connections is not None else len(found.clients) + 1,
            processes=joined(found.clients, ours),
            sees_all=facts.sees_all_clients,
            asked_s=time.time(),
        )

    def _compare(self, found: ServerClients) -> None:
        if not found.identity or found.uptime_s is None:
            return
        before, began_s = self._before, time.monotonic() - found.uptime_s
        self._before = (found.identity, began_s)
        if before is None:
            return
        if found.identity != before[0]:
            self.happened("failover", MOVED)
        elif began_s > before[1] + SAME_START_S:
            self.happened("restart", RESTARTED)
        else:
            return
        self._facts_s = float("-inf")

    def _note(self, error: str, silence: Literal["", "question", "connect"] = "") -> None:
        """What was known before stays, with its age, and the reason why it is not newer."""
        self._asked_s = time.monotonic()
        known = self.view or ServerView(time.time(), self.settings.dialect, "", None, None)
        self.view = replace(known, error=error, silence=silence, asked_s=self._began_s)

    def _note_silence(self) -> None:
        if self._connection is None:
            self._note(f"the server answered no connect within {LIMIT_S:g} s", "connect")
        else:
            self._note(f"the server did not answer within {LIMIT_S:g} s", "question")

    def _let_go(self) -> None:
        if self._work is not None and not self._work.done():
            return  # it sets the timer anew
        task = asyncio.get_running_loop().create_task(self._hang_up(), name="plimsoll server's side: end")
        self._ended.add(task)
        task.add_done_callback(self._ended.discard)

    async def _hang_up(self, *, politely: bool = True) -> None:
        connection, self._connection, self.own_id = self._connection, None, None
        if connection is not None:
            await finish(_end(connection, politely=politely), self.settings.cleanup_timeout_s)


def _answered(found: ServerClients) -> bool:
    """Whether the server has said anything: a connection that was lost leaves each question without an answer."""
    return bool(found.clients or found.identity or found.uptime_s is not None)


async def _end(connection: AsyncConnection, *, politely: bool) -> None:
    with contextlib.suppress(Exception):
        if not politely:
            await connection.invalidate()
        await connection.close()


def name_connections(engine: AsyncEngine, settings: DatabaseSettings) -> None:
    """From now on the engine's connections carry this worker's name on the server, beside the application's. The
    process is asked at each connect: a server may have forked since."""
    server = server_of(settings.dialect)

    @event.listens_for(engine.sync_engine, "do_connect")
    def name(_dialect: object, _record: object, _arguments: object, named: dict[str, object]) -> None:
        server.name_connection(named, connection_name(settings.application_name, socket.gethostname(), os.getpid()))
