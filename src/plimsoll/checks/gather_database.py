"""Learns about the database over a few connections, by reading only, each source within a time of its own."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any, Literal, TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from plimsoll.checks.aside import aside
from plimsoll.checks.facts import AdminFacts, ContactFacts
from plimsoll.checks.gather_schema import read_schema
from plimsoll.checks.verdict import Known
from plimsoll.engine import build_engine, is_in_memory
from plimsoll.errors import PlimsollError
from plimsoll.migrations import Migrations
from plimsoll.seeding import AdminAccount
from plimsoll.server import Fault, ServerFacts, fault_of, read_facts
from plimsoll.server.privileges import read_privileges
from plimsoll.server.tls_faults import is_of_tls
from plimsoll.server.words import words_of
from plimsoll.settings import DatabaseSettings
from plimsoll.settings.redaction import hide_within
from plimsoll.startup.pooler import look_at_lending

CONNECTIONS = 3
"""One a source, for they ask at the same time; a small account may have 10."""

ROUND_TRIPS = 5
"""SELECT 1 so many times; the shortest counts, since the others had to wait for something."""

TRIED_ADMINS = 2
"""Administrators whose password is tried: a second of CPU each, and the whole command has five."""

TO_SAY_SO_S = 0.2
"""Seconds before the end at which no more passwords are tried, so that it can still be said how many were."""

RESOURCES, TOO_MANY_CONNECTIONS = "53", "53300"
"""PostgreSQL's class of states for what there is not enough of: a disk and memory have others in it."""

BY_THE_HOUR = ("max_questions", "max_updates", "max_connections_per_hour")
"""Limits of a MySQL account that have the number of its connections' limit (1226)."""

GOOD_BYE_S = 0.5
"""Seconds for closing; then connections are dropped."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked:
    """What to learn: `required` are `table.column`; `limit_s` is the time for connecting, and again for all the rest;
    `secrets` are cut out of whatever a server or an error says."""

    settings: DatabaseSettings
    migrations: Migrations | None = None
    admin: AdminAccount | None = None
    required: Sequence[str] = ()
    limit_s: float = 5.0
    secrets: Sequence[str] = ()


async def read_database(asked: Asked) -> dict[str, Any]:
    """Everything about the database, by its name in `Facts`. Raises nothing of the database's."""
    absent = missing_file(asked.settings)
    if absent is not None:
        where = asked.settings.safe_url
        contact = ContactFacts("missing", where, f"the file {absent} does not exist")
        return _nothing(Known(contact), f"the file {absent} does not exist yet", "See PL010.")
    engine = build_engine(_patient(asked.settings, asked.limit_s), prepared=False)
    try:
        return await _read(engine, asked)
    finally:
        await within(engine.dispose(), GOOD_BYE_S)


async def read_server(asked: Asked) -> Known[ServerFacts]:
    """The server's facts alone, over one connection. Raises nothing of the database's."""
    engine = build_engine(_patient(asked.settings, asked.limit_s), prepared=False)
    try:
        return await _known(_facts(engine, asked), asked, monotonic() + asked.limit_s, "the server's facts")
    finally:
        await within(engine.dispose(), GOOD_BYE_S)


def missing_file(settings: DatabaseSettings) -> Path | None:
    """The SQLite file that the settings name and that does not exist: connecting would make it."""
    if settings.dialect != "sqlite" or is_in_memory(settings):
        return None
    path = Path(settings.url.database or "")
    return None if str(path).startswith("file:") or path.exists() else path


def _patient(settings: DatabaseSettings, limit_s: float) -> DatabaseSettings:
    """The same database, with a pool for these few questions that never waits for longer than `limit_s`."""
    return settings.model_copy(
        update={
            "pool_size": CONNECTIONS,
            "max_overflow": 0,
            "pool_min_idle": 0,
            "pool_timeout_s": limit_s,
            "connect_timeout_s": min(limit_s, settings.connect_timeout_s),
            "statement_timeout_s": limit_s,
            "cleanup_timeout_s": GOOD_BYE_S,
            "leak_threshold_s": 0.0,
        }
    )


async def _read(engine: AsyncEngine, asked: Asked) -> dict[str, Any]:
    contact, connect_s = await _contact(engine, asked)
    if contact.outcome != "connected":
        what = "refused the account (PL011)" if contact.outcome == "refused" else "could not be reached (PL010)"
        return _nothing(Known(contact), f"the database {what}")
    found: dict[str, Any] = {"contact": Known(contact), "connect_s": Known(connect_s)}
    ends_s = monotonic() + asked.limit_s
    server, schema, admin = await asyncio.gather(
        _server(engine, asked, ends_s),
        _known(read_schema(engine, asked.migrations, asked.required, asked.secrets), asked, ends_s, "the schema"),
        _admin(engine, asked, ends_s),
    )
    return {**found, **server, "schema": schema, "admin": admin}


def _nothing(contact: Known[ContactFacts], why: str, fix: str = "") -> dict[str, Any]:
    names = ("connect_s", "round_trip_s", "server", "privileges", "schema", "admin")
    unknown: Known[Any] = Known(why=why, fix=fix)
    return {"contact": contact, **dict.fromkeys(names, unknown)}


async def _contact(engine: AsyncEngine, asked: Asked) -> tuple[ContactFacts, float]:
    where, began_s = asked.settings.safe_url, monotonic()
    host = asked.settings.url.host
    if host and not await _resolves(host, asked.limit_s):
        words = f"the name {host} was not looked up within {asked.limit_s:g} s: the name server does not answer"
        return ContactFacts("down", where, words, asked.limit_s), asked.limit_s

    async def connect() -> bool:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
        return True

    try:
        in_time = await within(connect(), asked.limit_s)
    except Exception as error:  # noqa: BLE001 - drivers raise what they like where they cannot connect
        fault = fault_of(error, asked.settings.dialect)
        words = _clean(words_of(error), asked.secrets)
        full = fault is Fault.BUSY and asked.settings.dialect != "sqlite" and _is_full(error, words)
        took_s = monotonic() - began_s
        outcome: Literal["refused", "down"] = "refused" if fault is Fault.REFUSED else "down"
        return ContactFacts(
            outcome, where, words, took_s, "tls" if is_of_tls(error) else "full" if full else ""
        ), took_s
    took_s = monotonic() - began_s
    if in_time is None:
        return ContactFacts("down", where, f"no answer within {asked.limit_s:g} s", took_s), took_s
    return ContactFacts("connected", where, "", took_s), took_s


def _is_full(error: BaseException, words: str) -> bool:
    """Whether connections are what there are none of, and not questions or memory."""
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    lacks_others = str(state).startswith(RESOURCES) and state != TOO_MANY_CONNECTIONS
    return not lacks_others and not any(limit in words for limit in BY_THE_HOUR)


async def _resolves(host: str, limit_s: float) -> bool:
    """Whether a look-up of the name ends in time, with an address or without."""

    def look_up() -> None:
        with contextlib.suppress(OSError):
            socket.getaddrinfo(host, None)

    return await aside(look_up, limit_s) is not None


async def _server(engine: AsyncEngine, asked: Asked, ends_s: float) -> dict[str, Any]:
    """The server's own facts, our privileges and the round trip, over one connection after the other."""
    return {
        "round_trip_s": await _known(_on(engine, _round_trip), asked, ends_s, "the round trip"),
        "privileges": await _known(_on(engine, read_privileges), asked, ends_s, "the account's privileges"),
        "server": await _known(_facts(engine, asked), asked, ends_s, "the server's facts"),
    }


async def _facts(engine: AsyncEngine, asked: Asked) -> ServerFacts:
    """Two connections more where a pooler is before PostgreSQL, whose mode is seen on no fewer."""
    facts = await _on(engine, read_facts)
    if facts.dialect != "postgresql" or not facts.in_between:
        return facts
    return replace(facts, lending=await look_at_lending(_patient(asked.settings, asked.limit_s)))


async def _on(engine: AsyncEngine, read: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    async with engine.connect() as connection:
        return await read(connection)


async def _round_trip(connection: AsyncConnection) -> float:
    took_s = []
    for _ in range(ROUND_TRIPS):
        began_s = monotonic()
        await connection.execute(text("SELECT 1"))
        took_s.append(monotonic() - began_s)
    return min(took_s)


async def _admin(engine: AsyncEngine, asked: Asked, ends_s: float) -> Known[AdminFacts]:
    account = asked.admin
    if account is None:
        return Known(why="the application keeps no administrator", irrelevant=True)
    left_s = ends_s - monotonic()
    check = account.check(engine, production=True, tried=TRIED_ADMINS, limit_s=left_s - TO_SAY_SO_S)
    try:
        checked = await within(check, left_s)
    except Exception as error:  # noqa: BLE001 - as for the other sources; argon2 may get no memory
        return Known(why=f"the administrators could not be checked: {_clean(words_of(error), asked.secrets)}")
    if checked is None:
        return Known(why=f"the administrators could not be read within {asked.limit_s:g} s")
    report = checked[0]
    if report.unread:
        return Known(why=_clean(report.findings[0].message, asked.secrets))
    weak = account.password_problem() if account.configured_password else None
    return Known(
        AdminFacts(
            admins=report.admins,
            problems=tuple(finding.message for finding in report.findings) if report.admins else (),
            has_password=account.configured_password is not None,
            password_problem=weak or "",
            email=account.normalize_email(account.settings.admin_email),
            accounts_tried=report.accounts_tried,
            tries=report.tries,
            tries_meant=report.tries_meant,
        )
    )


async def _known(work: Awaitable[T], asked: Asked, ends_s: float, what: str) -> Known[T]:
    try:
        found = await within(work, ends_s - monotonic())
    except PlimsollError as error:
        return Known(why=_clean(str(error), asked.secrets))
    except Exception as error:  # noqa: BLE001 - whatever the database says, the other sources still count
        return Known(why=f"{what} could not be read: {_clean(words_of(error), asked.secrets)}")
    return Known(why=f"{what} did not come within {asked.limit_s:g} s") if found is None else Known(found[0])


async def within(work: Awaitable[T], limit_s: float) -> tuple[T] | None:
    """What `work` returns, in a tuple; None where it takes longer. Then it is cancelled, and left behind where even
    that takes long.

    Raises:
        Exception: what `work` raised.
    """
    task = asyncio.ensure_future(work)
    await asyncio.wait({task}, timeout=max(0.0, limit_s))
    if task.done():
        return (task.result(),)
    task.cancel()
    await asyncio.wait({task}, timeout=GOOD_BYE_S)
    task.add_done_callback(_forget)
    return None


def _forget(task: "asyncio.Future[Any]") -> None:
    """Read the outcome of a task that nobody waits for, so that the loop does not report it as lost."""
    if not task.cancelled():
        task.exception()


def _clean(words: str, secrets: Sequence[str]) -> str:
    return hide_within(words, list(secrets))
