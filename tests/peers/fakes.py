"""Hosts that answer whatever a test has them answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from pydantic import SecretStr

from plimsoll.peers import Peers
from plimsoll.settings import ServiceSettings
from plimsoll.snapshot import Snapshot
from plimsoll.snapshot.codec import to_json
from tests.snapshot.samples import HEALTHY
from tests.web.serving import serving

READ_TOKEN = "for-those-who-look-0123"
TOKEN = "for-operators-only-0123"


def worker(host: str, pid: int) -> Snapshot:
    """One that is well."""
    return replace(HEALTHY, worker=replace(HEALTHY.worker, host=host, pid=pid))


def workers(*snapshots: Snapshot, silent: tuple[str, ...] = ()) -> str:
    """What /ops/workers answers."""
    return json.dumps(
        {"workers": [to_json(each) for each in snapshots], "silent": len(silent), "silent_workers": silent}
    )


def answered(body: str | bytes, status: str = "200 OK", *more: str) -> bytes:
    """A response."""
    content = body.encode() if isinstance(body, str) else body
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *more]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + content


@dataclass
class Host:
    """One that is running. `reply` is what it answers from now on; `asked` are the requests so far."""

    url: str = ""
    reply: bytes = b""
    pause_s: float = 0.0
    holds_back: bool = False
    """Whether it answers nothing until it is told to."""
    asked: list[str] = field(default_factory=list)


@asynccontextmanager
async def host(reply: bytes) -> AsyncIterator[Host]:
    """A host that answers each request with the same bytes."""
    made = Host(reply=reply)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                made.asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
            except asyncio.IncompleteReadError:
                return
            await asyncio.sleep(made.pause_s)
            while made.holds_back:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            writer.write(made.reply)
            await writer.drain()

    async with serving(serve) as place:
        made.url = place.url
        yield made


@asynccontextmanager
async def peers(*urls: str, token: str | None = TOKEN, read_token: str | None = READ_TOKEN) -> AsyncIterator[Peers]:
    """Those of a host that names these."""
    settings = ServiceSettings(
        ops_peers=urls,
        ops_token=None if token is None else SecretStr(token),
        ops_read_token=None if read_token is None else SecretStr(read_token),
    )
    made = Peers(settings)
    made.begin()
    try:
        yield made
    finally:
        await made.end()
