"""Gathers the facts for the checklist: imports the application, then asks files, host and database side by side."""

import asyncio
import os
import re
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from plimsoll.checks.aside import aside
from plimsoll.checks.facts import AppFacts, Facts
from plimsoll.checks.gather_database import GOOD_BYE_S, Asked, read_database, within
from plimsoll.checks.gather_files import env_file_facts
from plimsoll.checks.gather_machine import disk_facts, place_facts, with_machine
from plimsoll.checks.loggers import silenced_loggers
from plimsoll.checks.verdict import Known
from plimsoll.cli.importing import Imported, import_application, most_connections, same_server
from plimsoll.cli.target import HOW, Named, Target
from plimsoll.database import Database
from plimsoll.errors import CommandError
from plimsoll.host import arenas, survey
from plimsoll.settings import DatabaseSettings, Problem, ServiceSettings, Settings, SettingsError
from plimsoll.settings.envfile import read_env_file
from plimsoll.settings.redaction import hide_within
from plimsoll.settings.topology import TopologySettings

ENV_FILE = ".env"
"""In the application's home, where the import has taken us."""

WRONG_SETTINGS = "settings are wrong (PL001)"

PACKAGES = (
    *("aiomysql", "aiosqlite", "alembic", "asyncmy", "asyncpg", "fastapi", "granian", "gunicorn", "hypercorn"),
    *("plimsoll", "psycopg", "pymysql", "sqlalchemy", "starlette", "uvicorn", "uvloop", "a2wsgi"),
)
"""Installed packages whose versions checks look at."""

_SHOWN_NAMES = re.compile(
    r"(MALLOC_|PYTHON|UVICORN_|GRANIAN_|GUNICORN_|WEB_CONCURRENCY$|GLIBC_TUNABLES$|PASSENGER_|LD_PRELOAD$|TZ$)"
)
_SECRET_NAMES = re.compile(r"PASS|_PWD|SECRET|TOKEN|CREDENTIAL|KEY(?!FILE)|_URL$|_URI$|DSN$", re.IGNORECASE)
"""A KEYFILE is a path: UVICORN_SSL_KEYFILE says that TLS ends in the process (PL911)."""

SHORTEST_SECRET = 4
"""Characters. Shorter ones would cut half of every text away, and are found by trying anyway."""

Answers = Mapping[str, Any]
"""Facts by their names in `Facts`."""

More = Callable[[Facts, "asyncio.Future[Answers]"], Awaitable[Answers]]
"""Learns more beside the database, given what is known before that, and what the database's answers will be. What it
returns wins."""

T = TypeVar("T")
Group = TypeVar("Group", bound=Settings)


def gather(
    named: Named,
    *,
    required: Sequence[str] = (),
    limit_s: float = 5.0,
    more: More | None = None,
    whole: bool = True,
) -> Facts:
    """Everything that checks look at; no source takes longer than `limit_s` seconds, save the import.

    Without `whole` the schema and the administrators are left out: what was deployed is not what they are about.

    Nothing is written to the database, the application's lifespan is not run, and its standard output is ours.

    Raises:
        CommandError: the options or pyproject.toml name no application that could be.
    """
    for column in required:
        if not all(part.strip() for part in column.split(".")) or "." not in column:
            raise CommandError(f"--require {column} does not name a column: write TABLE.COLUMN, as in items.name.")
    target = named.find()
    imported = import_application(target) if target is not None else Imported()
    secrets = secrets_in(os.environ, ENV_FILE)
    if imported.database is not None:
        # It may be written in the code, or come from a vault.
        password = str(imported.database.settings.url.password or "")
        secrets += (password,) if len(password) >= SHORTEST_SECRET else ()
    facts = _of_application(target, imported, secrets)
    return run_bounded(_ask(facts, imported.database, required, limit_s, secrets, more, whole))


def _of_application(target: Target | None, imported: Imported, secrets: Sequence[str]) -> Facts:
    """Settings, the application and the host: all that needs no waiting."""
    refused, database, more = imported.settings_error, imported.database, imported.settings
    problems: list[Problem] = list(refused.problems) if refused else []
    if database is not None:
        settings: Known[DatabaseSettings] = Known(database.settings)
        more = [*more, *([database.admin.settings] if database.admin is not None else [])]
    elif refused is None:
        settings = _group(DatabaseSettings, (), problems)
    else:
        # What the library's own class makes of them is not what the service would run with.
        settings = Known(why=WRONG_SETTINGS)
    service = _group(ServiceSettings, more, problems)
    topology = _group(TopologySettings, more, problems)
    groups = [*(each.value for each in (settings, service, topology) if each.known), *more]
    return Facts(
        settings=settings,
        service=service,
        topology=topology,
        app=_app(target, imported),
        import_error=hide_within(imported.error, list(secrets)),
        problems=tuple(dict.fromkeys(problems)),
        groups=tuple(group for index, group in enumerate(groups) if group not in groups[:index]),
        host=Known(survey()),
        arenas=Known(arenas()),
        versions=_versions(),
        environ=_environ(),
        utc_offset_s=Known(_utc_offset_s()),
        today=Known(datetime.now(UTC).date()),
    )


def _group(kind: type[Group], given: Sequence[Settings], problems: list[Problem]) -> Known[Group]:
    """The application's own group of this kind, else one from the environment; what is wrong goes to `problems`."""
    for group in given:
        if isinstance(group, kind):
            return Known(group)
    try:
        return Known(kind.from_env(env_file=ENV_FILE))
    except SettingsError as error:
        problems += error.problems
        return Known(why=WRONG_SETTINGS)


def _app(target: Target | None, imported: Imported) -> Known[AppFacts]:
    if target is None:
        return Known(why="no application was named", fix=HOW)
    if imported.settings_error is not None:
        return Known(why=WRONG_SETTINGS)
    if imported.database is None:
        return Known(why="the application could not be imported (PL100)")
    url = imported.database.settings.url
    ours = [engine for engine in imported.engines if same_server(engine.url, url)]
    return Known(
        AppFacts(
            name=target.name,
            engines=tuple(most_connections(engine) for engine in ours),
            other_engines=len(imported.engines) - len(ours),
            has_migrations=imported.database.migrations is not None,
            routes=tuple(_routes(imported.app)),
            silenced_loggers=silenced_loggers(),
        )
    )


def _routes(app: Any) -> list[str]:
    """GET routes that are documented and have no parameter in their path."""
    found = []
    for route in getattr(app, "routes", ()):
        path, methods = getattr(route, "path", ""), getattr(route, "methods", None) or ()
        if "GET" in methods and "{" not in path and getattr(route, "include_in_schema", False):
            found.append(path)
    return found


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _environ() -> dict[str, str]:
    return {
        name: value for name, value in os.environ.items() if _SHOWN_NAMES.match(name) and not _SECRET_NAMES.search(name)
    }


def _utc_offset_s() -> float:
    """Seconds by which local time is ahead of UTC now."""
    offset = datetime.now().astimezone().utcoffset()
    return offset.total_seconds() if offset is not None else 0.0


def secrets_in(environ: Mapping[str, str], env_file: str) -> tuple[str, ...]:
    """Values of the environment and of .env that are passwords by their names, and passwords within URLs."""
    values = {**environ, **{name: value for name, (value, _) in read_env_file(env_file, ()).values.items()}}
    found = set()
    for name, value in values.items():
        if not _SECRET_NAMES.search(name):
            continue
        found.add(value)
        with suppress(ArgumentError, ValueError):
            found.add(make_url(value).password or "")
        with suppress(ValueError):
            # As it is written there, with its %40.
            found.add(urlsplit(value).password or "")
    return tuple(secret for secret in found if len(secret) >= SHORTEST_SECRET)


async def _ask(
    facts: Facts,
    database: Database | None,
    required: Sequence[str],
    limit_s: float,
    secrets: Sequence[str],
    more: More | None,
    whole: bool,
) -> Facts:
    reading = asyncio.ensure_future(_read(facts, database, required, limit_s, secrets, whole))
    sources: dict[str, Awaitable[Any]] = {"env_file": asyncio.to_thread(env_file_facts, Path(ENV_FILE))}
    if facts.settings.known:
        sources["database_place"] = asyncio.to_thread(place_facts, facts.settings.value)
    learning = more(facts, reading) if more is not None else _nothing()
    answers, learned, *others = await asyncio.gather(reading, learning, *sources.values())
    if database is not None:
        await within(database.close(), GOOD_BYE_S)
    return replace(facts, **{**answers, **dict(zip(sources, others, strict=True)), **learned})


async def _nothing() -> Answers:
    return {}


async def _read(
    facts: Facts,
    database: Database | None,
    required: Sequence[str],
    limit_s: float,
    secrets: Sequence[str],
    whole: bool,
) -> Answers:
    """What the database answers."""
    if facts.settings.known:
        migrations, admin = (database.migrations, database.admin) if database is not None and whole else (None, None)
        answers = await read_database(Asked(facts.settings.value, migrations, admin, required, limit_s, secrets))
        answers["server"] = with_machine(answers["server"], facts.host)
    else:
        names = ("contact", "connect_s", "round_trip_s", "server", "privileges", "schema", "admin")
        answers = {name: Known(why=facts.settings.why) for name in names}
    disks = await aside(partial(disk_facts, facts.settings, answers["server"]), limit_s)
    answers["disks"] = disks[0] if disks else Known(why=f"a file system did not answer within {limit_s:g} s")
    if not facts.app.known and answers["admin"].irrelevant:
        answers["admin"] = Known(why=facts.app.why, fix=facts.app.fix)
    return answers


def run_bounded(work: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, which at its end would wait without limit for what was left behind."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    task = loop.create_task(work)
    with suppress(NotImplementedError, RuntimeError, ValueError):  # not of the main thread, or no such signals
        # Raised just anywhere, as Python does by itself, it would leave tasks with errors that the loop reports.
        loop.add_signal_handler(signal.SIGINT, task.cancel)
    try:
        return loop.run_until_complete(task)
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=GOOD_BYE_S))
        loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()
