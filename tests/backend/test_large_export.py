"""A large export to a client that reads slowly, by a real server: no connection and no memory is held for it."""

import socket
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import psutil

from tests.backend.service import ADMIN_EMAIL, ADMIN_PASSWORD
from tests.servers import REPOSITORY, RunningCommand, SqliteDatabase

SERVE = [sys.executable, "-m", "uvicorn", "tests.backend.served:app", "--app-dir", str(REPOSITORY), "--port", "{port}"]
ROWS = 60_000
SHARE = 4
"""The server may grow by the document's size divided by this: some pages of rows and buffers, and no more."""

SMALL_BUFFER = [(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)]
"""What the kernel keeps for a client that does not read: little, so that the server notices it."""

FILL = """
INSERT INTO venues (id, vendor_id, name, description, address, city, postal_code, utc_offset_minutes, is_active,
                    created_at)
SELECT 1, id, printf('%.120c', 'V'), '', 'Road', 'Pune', '411001', 330, 1, created_at FROM accounts;
INSERT INTO spaces (id, venue_id, name, capacity, price_per_hour, currency, is_active, created_at)
SELECT 1, 1, printf('%.120c', 'S'), 9, 100, 'INR', 1, created_at FROM venues;
INSERT INTO bookings (account_id, space_id, starts_at, ends_at, guests, note, status, total, currency, created_at)
SELECT vendor_id, 1, created_at, created_at, 1, '', 'confirmed', 100, 'INR', created_at
FROM venues, (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) SELECT i FROM n);
"""


def nothing_checked_out(service: RunningCommand, timeout_s: float = 20) -> bool:
    """Whether the server comes to where it holds nothing and stays there, however long a busy machine takes for it."""
    ends_s = time.monotonic() + timeout_s
    in_a_row = 0
    while in_a_row < 10 and time.monotonic() < ends_s:
        in_a_row = in_a_row + 1 if httpx.get(f"{service.url}/checked-out", timeout=30).text == "0" else 0
        time.sleep(0.05)
    return in_a_row == 10


def test_a_slow_reader_of_a_large_export_costs_nothing(
    sqlite_database: SqliteDatabase, start_command: Callable[..., RunningCommand], tmp_path: Path
) -> None:
    """While the client does not read, nothing is checked out; the server's memory stays far below the document."""
    environ = sqlite_database.environ(ADMIN_EMAIL=ADMIN_EMAIL, ADMIN_PASSWORD=ADMIN_PASSWORD, SAMPLE_DATA="false")
    service = start_command(SERVE, env=environ, cwd=tmp_path).wait_ready("/venues")
    login = httpx.post(f"{service.url}/token", data={"username": ADMIN_EMAIL, "password": ADMIN_PASSWORD}, timeout=30)
    headers = {"Authorization": f"Bearer {login.json()['access_token']}"}
    # Once while there is nothing to export: what the code itself takes is no part of the growth.
    assert httpx.get(f"{service.url}/admin/bookings.csv", headers=headers, timeout=30).text.count("\n") == 1
    with closing(sqlite3.connect(sqlite_database.path)) as connection:
        connection.executescript(FILL.format(rows=ROWS))
    memory = psutil.Process(service.pid)
    before = memory.memory_info().rss
    seen, size, lines = [before], 0, 0
    with (
        httpx.Client(transport=httpx.HTTPTransport(socket_options=SMALL_BUFFER), timeout=60) as client,
        client.stream("GET", f"{service.url}/admin/bookings.csv", headers=headers) as answer,
    ):
        assert answer.status_code == 200
        for piece in answer.iter_bytes(1 << 20):
            if size < 3 << 20:
                # The reader is slow: meanwhile the server fills what it may, and then waits.
                time.sleep(0.5)
                assert nothing_checked_out(service), "a connection stays checked out while the client does not read"
            size, lines = size + len(piece), lines + piece.count(b"\n")
            seen.append(memory.memory_info().rss)
    assert lines == ROWS + 1
    assert max(seen) - before < size / SHARE, f"grew by {max(seen) - before} for {size} bytes"
