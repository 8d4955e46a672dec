"""The service as its users run it: by uvicorn, under Passenger, from a script, with the settings of a host."""

import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.backend.service import ADMIN_EMAIL, ADMIN_PASSWORD
from tests.servers import RunningCommand, TestDatabase

BACKEND = Path(__file__).resolve().parents[2] / "backend"
REPOSITORY = BACKEND.parent
Start = Callable[..., RunningCommand]
UVICORN = [sys.executable, "-m", "uvicorn", "app.main:app", "--app-dir", str(BACKEND), "--port", "{port}"]
# One request after the other, as Passenger's single thread would send them.
PASSENGER = (
    "import os, passenger_wsgi as p; from wsgiref.simple_server import make_server;"
    "make_server('127.0.0.1', int(os.environ['PORT']), p.application).serve_forever()"
)


def _log_in(service: RunningCommand) -> dict[str, str]:
    form = {"username": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
    answer = httpx.post(f"{service.url}/token", data=form, timeout=30)
    assert answer.status_code == 200, answer.text + service.output()
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def test_it_runs_under_uvicorn(any_database: TestDatabase, start_command: Start, tmp_path: Path) -> None:
    """The line of the operator's note is printed, the administrator logs in, the documentation is there."""
    environ = any_database.environ(ADMIN_EMAIL=ADMIN_EMAIL, ADMIN_PASSWORD=ADMIN_PASSWORD, SAMPLE_DATA="false")
    service = start_command(UVICORN, env=environ, cwd=tmp_path).wait_ready("/venues")
    assert "[DB] Development mode: Tables created/verified" in service.output()
    headers = _log_in(service)
    assert (
        httpx.get(f"{service.url}/admin/accounts", headers=headers, timeout=30).json()["items"][0]["email"]
        == ADMIN_EMAIL
    )
    assert "Venue booking" in httpx.get(f"{service.url}/docs", timeout=30).text
    service.terminate()
    assert "Application shutdown complete" in service.output()
    assert "Traceback" not in service.output()


def test_it_runs_under_passenger(any_database: TestDatabase, start_command: Start, tmp_path: Path) -> None:
    """Without lifespan, the first request makes the tables and the administrator, and a stream comes whole."""
    environ = any_database.environ(ADMIN_EMAIL=ADMIN_EMAIL, ADMIN_PASSWORD=ADMIN_PASSWORD, SAMPLE_DATA="false")
    environ["PYTHONPATH"] = f"{environ['PYTHONPATH']}:{BACKEND}"
    service = start_command([sys.executable, "-c", PASSENGER], env=environ, cwd=tmp_path)
    service.wait_ready("/venues")
    headers = _log_in(service)
    assert httpx.get(f"{service.url}/admin/bookings.csv", headers=headers, timeout=30).text.startswith("id,account_id")


@pytest.mark.parametrize("note", ["ENVIRONMENT", "PRODUCTION_HOSTS"])
def test_production_refuses_to_start_without_a_key(
    mariadb_database: TestDatabase, start_command: Start, tmp_path: Path, note: str
) -> None:
    """The process ends with a message that names the setting; so it does on the host that the note names."""
    environ = mariadb_database.environ()
    if note == "ENVIRONMENT":
        environ["ENVIRONMENT"] = "production"
    else:
        environ["DATABASE_URL"] = mariadb_database.url_for(host="db.taxtower.in")
    process = start_command(UVICORN, env=environ, cwd=tmp_path)
    assert process.wait(30) != 0
    assert "SECRET_KEY" in process.output()
    assert mariadb_database.password
    assert mariadb_database.password not in process.output()


def test_init_db_makes_the_tables_for_a_script(
    any_database: TestDatabase, start_command: Start, tmp_path: Path
) -> None:
    """`init_db`, `engine` and `get_session` are where the operator's note says they are."""
    script = (
        "import asyncio; from sqlalchemy import select; from app.db import init_db, engine, database, get_session;"
        "from app.models import Account\n"
        "async def main():\n"
        "    await init_db()\n"
        "    async with database.session() as session:\n"
        "        print('accounts:', len((await session.scalars(select(Account))).all()))\n"
        "    await engine.dispose()\n"
        "asyncio.run(main())\n"
    )
    environ = any_database.environ(ADMIN_EMAIL=ADMIN_EMAIL, ADMIN_PASSWORD=ADMIN_PASSWORD, SAMPLE_DATA="false")
    process = start_command([sys.executable, "-c", script], env=environ, cwd=tmp_path)
    assert process.wait(60) == 0, process.output()
    assert "accounts: 1" in process.output()


def test_every_setting_is_in_the_example(start_command: Start, tmp_path: Path) -> None:
    """`.env.example` names every setting of the service and of the library, and only those; as it is, it starts."""
    example = (REPOSITORY / ".env.example").read_text()
    named = {line.removeprefix("# ").split("=")[0] for line in example.splitlines() if "=" in line}
    script = (
        "from app.db import settings, service_settings, app_settings, admin_settings\n"
        "for group in (settings, service_settings, app_settings, admin_settings):\n"
        "    print(*(row.name for row in group.rows()), sep='\\n')\n"
    )
    (tmp_path / ".env").write_text(example)
    process = start_command([sys.executable, "-c", script], cwd=tmp_path)
    assert process.wait(30) == 0, process.output()
    assert named - {"HOST", "PORT", "WEB_CONCURRENCY", "LOG_FORMAT"} == set(process.output().split())
