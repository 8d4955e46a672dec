"""No password is in anything that a command prints, a route answers, a log holds or a process title shows."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.servers import RunningCommand, TestDatabase, free_port

ROOT = Path(__file__).parents[2]
PLIMSOLL = [sys.executable, "-m", "plimsoll", "--app", "app.main:app", "--app-dir", str(ROOT / "backend")]

ADMIN_PASSWORD = "Adm1n-never-printed-77Q"
SECRET_KEY = "signing-key-never-printed-0123456789-abcdef"
WRONG_PASSWORD = "wr0ng-never-printed-31K"


def secrets_of(database: TestDatabase) -> tuple[str, ...]:
    """Everything that must not be seen."""
    return tuple(
        secret for secret in (database.password, ADMIN_PASSWORD, SECRET_KEY, WRONG_PASSWORD) if secret is not None
    )


def environment(database: TestDatabase, **more: str) -> dict[str, str]:
    """A production with every secret set."""
    return database.environ(
        ENVIRONMENT="production",
        ADMIN_EMAIL="chief@example.com",
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


def test_no_command_prints_a_secret(any_database: TestDatabase) -> None:
    """Each command, where it succeeds and where it fails."""
    right = environment(any_database)
    printed = [
        run("settings", env=right, status=0),
        run("settings", "--format", "json", env=right, status=0),
        run("migrate", "--plan", env=right, status=0),
        run("migrate", "--check", env=right, status=1),
        run("admin", "check", env=right, status=1),
        run("migrate", env=right, status=0),
        run("migrate", "--check", env=right, status=0),
        run("admin", "create", "--email", "second@example.com", env=right | {"PLIMSOLL_NEW_PASSWORD": ADMIN_PASSWORD}),
        run("admin", "check", env=right),
        run("settings", env=right | {"DB_POOL_SIZE": "abc", "DB_SSL_MODE": "sometimes"}, status=2),
    ]
    for text in printed:
        assert text.strip(), "a command said nothing at all"
        assert_clean(text, any_database)


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
    for arguments in (("settings",), ("migrate",), ("admin", "check"), ("serve",)):
        printed = run(*arguments, env=env | {"PORT": str(free_port())})
        assert printed.strip()
        assert_clean(printed, server_database)


@pytest.mark.parametrize("mode", ["production", "development"])
async def test_no_route_and_no_log_line_shows_a_secret(
    any_database: TestDatabase, start_command: Callable[..., RunningCommand], mode: str
) -> None:
    """Every GET of the API, a failing log-in, health with and without its database, and all that was logged."""
    env = environment(any_database) | {"ENVIRONMENT": mode, "SAMPLE_DATA": "false", "DB_CONNECT_TIMEOUT": "2"}
    if mode == "production":
        await asyncio.to_thread(run, "migrate", env=env, status=0)
    running = start_command([*PLIMSOLL, "serve"], env=env)
    await asyncio.to_thread(running.wait_ready, "/health/ready")
    title = await asyncio.to_thread(Path(f"/proc/{running.pid}/cmdline").read_text)
    async with httpx.AsyncClient(base_url=running.url, timeout=30) as client:
        answers = await _ask_everything(client)
        assert {200, 401} <= {answer.status_code for answer in answers}
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


async def _ask_everything(client: httpx.AsyncClient) -> list[httpx.Response]:
    document = await client.get("/openapi.json")
    paths: dict[str, dict[str, object]] = document.json()["paths"]
    gets = [path.replace("{", "").replace("}", "") for path, methods in paths.items() if "get" in methods]
    login = await client.post("/token", data={"username": "chief@example.com", "password": WRONG_PASSWORD})
    answers = [document, login, await client.get("/docs"), await client.get("/nothing/here")]
    return answers + [await client.get(path) for path in gets]
