"""Clients that mean no good: they leave, send nonsense, or send and read a few bytes a second.

One uvicorn worker with `install()`, pool 5 + 5 on MariaDB. While each attack goes on, an honest client asks for a row
ten times a second; afterwards the worker's memory, its open files and the connections of its pool are looked at.
Everything goes to 127.0.0.1, and is bounded in number and time.

Run: `python bench/bench_hostile.py [--quick]`, or `make bench`.
"""

import argparse
import asyncio
import random
import socket
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httpx
import psutil
from bench.overload_load import MAX_OVERFLOW, POOL_SIZE, SIDES, worker
from tests.servers import MariaDbServer, RunningCommand, ServerDatabase

MIB = 1 << 20
AT_ONCE = 64
ROW = b"GET /row HTTP/1.1\r\nhost: bench\r\n\r\n"
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: a close resets the connection."""


@dataclass
class Honest:
    """A client that asks for a row ten times a second, and what it got."""

    url: str
    statuses: list[int] = field(default_factory=list)
    longest_s: float = 0.0

    async def ask(self) -> None:
        """Until it is cancelled."""
        async with httpx.AsyncClient(timeout=10) as client:
            while True:
                began_s = time.monotonic()
                try:
                    self.statuses.append((await client.get(f"{self.url}/row")).status_code)
                except httpx.HTTPError:
                    self.statuses.append(0)
                self.longest_s = max(self.longest_s, time.monotonic() - began_s)
                await asyncio.sleep(0.1)


@dataclass(frozen=True)
class Target:
    """Where to."""

    port: int
    scale: float

    def count(self, number: int) -> int:
        """Fewer in a quick run."""
        return max(1, int(number * self.scale))

    async def open(self) -> socket.socket:
        """A connection that is reset when it is closed."""
        connection = socket.socket()
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", self.port))
        return connection


async def each(count: int, work: Callable[[random.Random], Awaitable[None]]) -> None:
    """`count` pieces of work, `AT_ONCE` at a time, by chance that is the same each time."""

    async def some(number: int) -> None:
        chance = random.Random(number)
        for _ in range(number, count, AT_ONCE):
            try:
                await work(chance)
            except OSError:  # refused or reset: the worker's right
                await asyncio.sleep(0.001)

    await asyncio.gather(*(some(number) for number in range(AT_ONCE)))


async def leavers(target: Target) -> str:
    """Connections that are reset: at once, in the header, after the request, or while it is worked on."""
    loop, count = asyncio.get_running_loop(), target.count(100_000)

    async def leave(chance: random.Random) -> None:
        with await target.open() as connection:
            kind = chance.randrange(4)
            if kind:
                await loop.sock_sendall(connection, ROW[: chance.randrange(1, len(ROW))] if kind == 1 else ROW)
            if kind == 3:
                await asyncio.sleep(chance.uniform(0, 0.02))

    await each(count, leave)
    return f"{count:,} connections reset"


async def nonsense(target: Target) -> str:
    """Headers and bodies that are random bytes, or a request with some bytes changed."""
    loop, count = asyncio.get_running_loop(), target.count(20_000)
    body = b'{"token": "x"}'
    good = b"POST /echo HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
    chunked = (
        b'POST /echo HTTP/1.1\r\nhost: bench\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"a":\r\n4\r\n"b"}\r\n0\r\n\r\n'
    )

    async def talk(chance: random.Random) -> None:
        kind = chance.randrange(4)
        if kind == 0:
            sent = chance.randbytes(chance.randrange(1, 4096))
        elif kind == 1:
            sent = good % (chance.randrange(64), chance.randbytes(chance.randrange(64)))
        else:
            mutable = bytearray(chunked if kind == 2 else good % (len(body), body))
            for _ in range(chance.randrange(1, 4)):
                mutable[chance.randrange(len(mutable))] = chance.randrange(256)
            sent = bytes(mutable)
        with await target.open() as connection:
            await loop.sock_sendall(connection, sent)
            try:
                async with asyncio.timeout(0.05):
                    await loop.sock_recv(connection, 4096)
            except TimeoutError:
                pass

    await each(count, talk)
    return f"{count:,} requests of nonsense"


async def slow(target: Target) -> str:
    """A header, a body, an answer: each by a few bytes a second, 150 clients of each kind."""
    loop, seconds = asyncio.get_running_loop(), 25 if target.scale == 1 else 8
    ends_s = time.monotonic() + seconds

    async def trickle(first: bytes) -> None:
        with await target.open() as connection:
            await loop.sock_sendall(connection, first)
            while time.monotonic() < ends_s:
                await asyncio.sleep(1)
                await loop.sock_sendall(connection, b"x")

    async def sip() -> None:
        with await target.open() as connection:
            await loop.sock_sendall(connection, b"GET /large HTTP/1.1\r\nhost: bench\r\n\r\n")
            while time.monotonic() < ends_s:
                await loop.sock_recv(connection, 10)
                await asyncio.sleep(1)

    header = b"GET /row HTTP/1.1\r\nhost: bench\r\nx-slow: "
    body = b"POST /echo HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n"
    many = target.count(150)
    works = [work for _ in range(many) for work in (trickle(header), trickle(body))]
    # Each of these is answered by a body that the handler holds whole, so there are few of them.
    works += [sip() for _ in range(4)]
    await asyncio.gather(*works, return_exceptions=True)
    return f"{2 * many} slow senders and 4 slow readers for {seconds} s"


HEADING = (
    "| attack | honest client: 200 / 503 / other | its longest s | RSS MiB before / at the end / after "
    "| open files before / after | pool: in use / idle / server's count |\n|---|---:|---:|---:|---:|---:|"
)

Attack = Callable[[Target], Awaitable[str]]
ATTACKS: dict[str, Attack] = {"leavers": leavers, "nonsense": nonsense, "slow": slow}


async def under(attack: Attack, running: RunningCommand, scale: float) -> tuple[str, Honest]:
    """Carry out an attack beside the honest client; what was done, and what that one saw."""
    honest = Honest(running.url)
    asking = asyncio.create_task(honest.ask())
    assert running.port is not None
    words = await attack(Target(running.port, scale))
    asking.cancel()
    await asyncio.wait({asking})
    return words, honest


def settled(running: RunningCommand, database: ServerDatabase) -> str:
    """The pool's word and the server's, once nothing is under way."""
    ends_s = time.monotonic() + 20
    while True:
        pool = httpx.get(f"{running.url}/pool", timeout=10).json()
        words = f"{pool['checked_out']} / {pool['idle']} / {database.connection_count()}"
        if (pool["checked_out"] == 0 and pool["idle"] == database.connection_count()) or time.monotonic() > ends_s:
            return words
        time.sleep(0.2)


def main() -> None:
    """One table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of it: to see that it runs")
    scale = 0.1 if parser.parse_args().quick else 1.0
    (side,) = (side for side in SIDES if side.kind == "plimsoll")
    print(f"One uvicorn worker with install(), pool {POOL_SIZE} + {MAX_OVERFLOW}, MariaDB by aiomysql\n")
    print(HEADING)
    with MariaDbServer() as server:
        database = server.create_database()
        database.sql("CREATE TABLE note (id INTEGER PRIMARY KEY, token VARCHAR(50))")
        database.sql("INSERT INTO note VALUES (1, 'a')")
        with worker(side, database) as running:
            running.wait_ready("/row")
            process = psutil.Process(running.pid)
            asyncio.run(under(leavers, running, 0.01))  # its first memory is not held against an attack
            for attack in ATTACKS.values():
                rss, files = process.memory_info().rss / MIB, process.num_fds()
                words, honest = asyncio.run(under(attack, running, scale))
                peak = process.memory_info().rss / MIB
                pool = settled(running, database)
                time.sleep(2)
                memory = f"{rss:.0f} / {peak:.0f} / {process.memory_info().rss / MIB:.0f}"
                good, busy = honest.statuses.count(200), honest.statuses.count(503)
                seen = f"{good} / {busy} / {len(honest.statuses) - good - busy} | {honest.longest_s:.2f}"
                print(f"| {words} | {seen} | {memory} | {files} / {process.num_fds()} | {pool} |", flush=True)


if __name__ == "__main__":
    main()
