"""No password is in anything that a command prints, a route answers, a log holds or a process title shows."""

import asyncio
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.servers import RunningCommand, SqliteDatabase, TestDatabase, free_port

ROOT = Path(__file__).parents[2]
PLIMSOLL = [sys.executable, "-m", "plimsoll", "--app", "app.main:app", "--app-dir", str(ROOT / "backend")]

ADMIN_PASSWORD = "Adm1n-never-printed-77Q"
SECRET_KEY = "signing-key-never-printed-0123456789-abcdef"
WRONG_PASSWORD = "wr0ng-never-printed-31K"
NEW_PASSWORD = "n3w-never-printed-58W"
ADMIN_EMAIL = "chief@example.com"
HASH = "$argon2"
JSON = {"Content-Type": "application/json"}
BAD_BODIES = (
    {"email": "asha@people.example.in", "name": "", "password": WRONG_PASSWORD, "role": "king"},
    {"email": WRONG_PASSWORD, "name": {"first": WRONG_PASSWORD}, "password": [WRONG_PASSWORD], "role": WRONG_PASSWORD},
    {"email": ADMIN_EMAIL, "name": "The e-mail is taken", "password": WRONG_PASSWORD},
    {"current_password": WRONG_PASSWORD, "new_password": WRONG_PASSWORD},
    {"current_password": WRONG_PASSWORD, "new_password": 7, "is_active": WRONG_PASSWORD},
    {"username": ADMIN_EMAIL, "pasword": WRONG_PASSWORD},
    WRONG_PASSWORD,
    [WRONG_PASSWORD],
)
BROKEN_BODY = f'{{"email": "asha@people.example.in", "password": "{WRONG_PASSWORD}'


def secrets_of(database: TestDatabase) -> tuple[str, ...]:
    """Everything that must not be seen."""
    passwords = (database.password, ADMIN_PASSWORD, WRONG_PASSWORD, NEW_PASSWORD)
    return tuple(secret for secret in (*passwords, SECRET_KEY, HASH) if secret is not None)


def environment(database: TestDatabase, **more: str) -> dict[str, str]:
    """A production with every secret set."""
    return database.environ(
        ENVIRONMENT="production",
        ADMIN_EMAIL=ADMIN_EMAIL,
        ADMIN_PASSWORD=ADMIN_PASSWORD,
        SECRET_KEY=SECRET_KEY,
        **more,
    )


def run(*arguments: str, env: dict[str, str], status: int | None = None) -> str:
    """All that the command printed."""
    done = subprocess.run([*PLIMSOLL, *arguments], env=env, capture_output=True, text=True, timeout=90, check=False)
    printed = done.stdout + done.stderr
    assert status is None or done.returncode == status, f"{arguments} ended with {done.returncode}:\n{printed}"
    return printed


def assert_clean(text: str, database: TestDatabase) -> None:
    for secret in secrets_of(database):
        assert secret not in text, f"a secret was shown:\n{text}"


def assert_all_clean(printed: list[str], database: TestDatabase) -> None:
    for text in printed:
        assert text.strip(), "a command said nothing at all"
        assert_clean(text, database)


def test_no_command_prints_a_secret(any_database: TestDatabase) -> None:
    """What writes to the database: its driver may have words of its own on each."""
    right = environment(any_database)
    new, second = right | {"PLIMSOLL_NEW_PASSWORD": NEW_PASSWORD}, ("--email", "second@example.com")
    printed = [
        run("admin", "create", *second, env=new, status=1),
        run("migrate", env=right, status=0),
        run("admin", "create", *second, env=new, status=0),
        run("admin", "reset-password", *second, env=new, status=0),
    ]
    assert_all_clean(printed, any_database)


def test_no_other_command_prints_a_secret(mariadb_database: TestDatabase) -> None:
    """What only reads, and each way to fail: one database, which has a password, stands for all."""
    right = environment(mariadb_database)
    new = right | {"PLIMSOLL_NEW_PASSWORD": NEW_PASSWORD}
    printed = [
        run("settings", env=right, status=0),
        run("settings", "--format", "json", env=right, status=0),
        run("settings", env=right | {"DB_POOL_SIZE": "abc", "DB_SSL_MODE": "sometimes"}, status=2),
        run("migrate", "--plan", env=right, status=0),
        run("migrate", "--check", env=right, status=1),
        run("migrate", "--adopt", env=right, status=1),
        run("admin", "check", env=right, status=1),
        run("migrate", env=right, status=0),
        run("migrate", "--check", env=right, status=0),
        run("migrate", "--adopt", env=right, status=0),
        run("admin", "reset-password", "--email", "nobody@example.com", env=new, status=1),
        run("admin", "create", "--email", ADMIN_EMAIL, env=new, status=0),
        run("admin", "check", env=right, status=0),
    ]
    assert_all_clean(printed, mariadb_database)


def test_adopting_prints_no_secret(sqlite_database: SqliteDatabase) -> None:
    """Tables that were made without migrations are taken over."""
    env = environment(sqlite_database)
    run("migrate", env=env, status=0)
    with closing(sqlite3.connect(sqlite_database.path)) as connection:
        connection.execute("DROP TABLE alembic_version")
    printed = run("migrate", "--adopt", env=env, status=0)
    assert "Adopted" in printed
    assert_clean(printed, sqlite_database)


@pytest.mark.parametrize("fault", ["wrong password", "unreachable", "unreadable url"])
def test_no_failing_connection_prints_a_secret(server_database: TestDatabase, fault: str) -> None:
    """Drivers like to put the whole URL into their errors."""
    assert server_database.password is not None
    url = {
        "wrong password": server_database.url.replace(server_database.password, WRONG_PASSWORD),
        "unreachable": server_database.url_for(port=free_port()),
        "unreadable url": server_database.url.replace("@", f"@{WRONG_PASSWORD}@", 1).replace("://", "//:"),
    }[fault]
    env = environment(server_database) | {"DATABASE_URL": url, "DB_START_TIMEOUT": "1", "DB_CONNECT_TIMEOUT": "2"}
    # `settings` does not connect: only what it reads can be wrong for it.
    reading = (("settings",),) if fault == "unreadable url" else ()
    for arguments in (*reading, ("migrate",), ("admin", "check"), ("serve",)):
        printed = run(*arguments, env=env | {"PORT": str(free_port())})
        assert printed.strip()
        assert_clean(printed, server_database)


@pytest.mark.parametrize("mode", ["production", "development"])
async def test_no_route_and_no_log_line_shows_a_secret(
    any_database: TestDatabase, start_command: Callable[..., RunningCommand], mode: str
) -> None:
    """Every route, as nobody and as the administrator, with bad bodies and without the database; and the log."""
    env = environment(any_database) | {"ENVIRONMENT": mode, "SAMPLE_DATA": "false", "DB_CONNECT_TIMEOUT": "2"}
    if mode == "production":
        await asyncio.to_thread(run, "migrate", env=env, status=0)
    running = start_command([*PLIMSOLL, "serve"], env=env)
    await asyncio.to_thread(running.wait_ready, "/health/ready")
    title = await asyncio.to_thread(Path(f"/proc/{running.pid}/cmdline").read_text)
    async with httpx.AsyncClient(base_url=running.url, timeout=30) as client:
        answers = await _ask_everything(client)
        answers += await _ask_everything(client, await _log_in(client))
        assert {200, 401, 404, 409, 422} <= {answer.status_code for answer in answers}
        if any_database.server is not None:
            await asyncio.to_thread(any_database.server.stop)
            answers += [await client.get(path) for path in ("/health/ready", "/items", "/venues")]
            assert answers[-1].status_code == 503
            await asyncio.to_thread(any_database.server.start)
    for answer in answers:
        assert_clean(f"{answer.headers} {answer.text}", any_database)
    running.terminate()
    assert_clean(running.output(), any_database)
    assert_clean(title, any_database)
    assert os.path.basename(sys.executable) in title


async def _log_in(client: httpx.AsyncClient) -> dict[str, str]:
    """The header of the seeded administrator's requests."""
    answer = await client.post("/token", data={"username": ADMIN_EMAIL, "password": ADMIN_PASSWORD})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def _ask_everything(client: httpx.AsyncClient, caller: dict[str, str] | None = None) -> list[httpx.Response]:
    """What every route answers: to a GET, and to bodies that hold a password and that it cannot take."""
    headers = caller or {}
    document = await client.get("/openapi.json", headers=headers)
    login = await client.post("/token", data={"username": ADMIN_EMAIL, "password": WRONG_PASSWORD})
    answers = [document, login, await client.get("/docs"), await client.get("/nothing/here")]
    for template, methods in document.json()["paths"].items():
        path = re.sub(r"{\w+}", "1", template)
        if "get" in methods:
            answers.append(await client.get(path, headers=headers))
        for method in {"post", "put", "patch"} & set(methods):
            answers += await _send_bad_bodies(client, method, path, headers)
    return answers


async def _send_bad_bodies(
    client: httpx.AsyncClient, method: str, path: str, headers: dict[str, str]
) -> list[httpx.Response]:
    contents = [json.dumps(body) for body in BAD_BODIES] + [BROKEN_BODY]
    answers = [await client.request(method, path, content=text, headers=headers | JSON) for text in contents]
    form = {"username": [ADMIN_EMAIL, WRONG_PASSWORD], "passwort": WRONG_PASSWORD, "grant_type": WRONG_PASSWORD}
    answers.append(await client.request(method, path, data=form, headers=headers))
    assert not any(answer.is_success for answer in answers), f"{method} {path} took a bad body"
    return answers
