"""What the operator's note promises to code written by it: names of `app.db`, and hosts that mean production."""

import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from app.core import BackendDatabaseSettings
from tests.servers import REPOSITORY, RunningCommand, TestDatabase

SERVE = [sys.executable, "-m", "uvicorn", "tests.backend.served:app", "--app-dir", str(REPOSITORY), "--port", "{port}"]
ON_THE_HOST = "mysql://u:p@db.taxtower.in/d"


def test_sessions_by_the_note_come_back(
    any_database: TestDatabase, start_command: Callable[..., RunningCommand], tmp_path: Path
) -> None:
    """A plain `Depends(get_session)` and `async with AsyncSessionLocal()` work, roll back and give back."""
    environ = any_database.environ(ADMIN_PASSWORD="violet-harbour-crane-42", SAMPLE_DATA="false", DB_POOL_SIZE="2")
    service = start_command(SERVE, env=environ | {"DB_MAX_OVERFLOW": "0", "DB_POOL_TIMEOUT": "10"}, cwd=tmp_path)
    service.wait_ready("/venues")
    # Each on a connection of its own: uvicorn closes the one of a request that failed.
    for _ in range(3):  # more than the pool has
        assert httpx.get(f"{service.url}/note/failing-block", timeout=30).status_code == 500
        assert httpx.get(f"{service.url}/note/route", timeout=30).text == "1"
        assert httpx.get(f"{service.url}/note/block", timeout=30).text == "1"
    assert httpx.get(f"{service.url}/checked-out", timeout=30).text == "0"


@pytest.mark.parametrize("hosts", ["", "example.org", "db.taxtower.in, example.org"])
def test_further_production_hosts_replace_none(hosts: str) -> None:
    """Whatever PRODUCTION_HOSTS says, taxtower.in means production; so does what it names."""
    environ = {"DATABASE_URL": ON_THE_HOST, "PRODUCTION_HOSTS": hosts}
    assert BackendDatabaseSettings.from_env(environ, None).production.reason == "DATABASE_URL contains taxtower.in"
    environ["DATABASE_URL"] = "mysql://u:p@db.example.org/d"
    assert BackendDatabaseSettings.from_env(environ, None).production.active == ("example.org" in hosts)


def test_all_production_hosts_are_shown() -> None:
    """`plimsoll settings` lists the host of the note beside those that were set, each once."""
    for given in (("example.org",), ("example.org", "taxtower.in")):
        settings = BackendDatabaseSettings(database_url=SecretStr("sqlite:///x.db"), production_hosts=given)
        [row] = [row for row in settings.rows() if row.name == "PRODUCTION_HOSTS"]
        assert row.value == "taxtower.in, example.org"
