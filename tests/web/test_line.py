"""The HTTP client: whatever is at the other end, an answer comes in time and says what is wrong."""

import asyncio
import socket
import ssl
from pathlib import Path
from time import monotonic

import pytest

from plimsoll.errors import CommandError
from plimsoll.visit.service import Visit, Wish
from plimsoll.web.line import BODY_LIMIT_BYTES, HEADER_LIMIT_BYTES, Answer, Line
from plimsoll.web.place import Place, place_of
from tests.servers.certificates import Certificates, Tls
from tests.web.serving import Serve, saying, serving

SHORT_S = 0.5
"""The limit for what does not answer in time."""

LIMIT_S = 30.0
"""For what answers, on a machine that does other things as well."""


async def ask(
    place: Place, tls: ssl.SSLContext | None = None, token: str | None = None, limit_s: float = LIMIT_S
) -> Answer:
    """One request, which must be over soon after its limit."""
    began_s = monotonic()
    async with Line(place, limit_s, tls) as line:
        answer = await line.get("/", token)
    assert monotonic() - began_s < 2 * limit_s + 10
    return answer


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    ("serve", "error"),
    [
        (saying(b"220 mail.example ESMTP\r\n"), "before a whole answer of HTTP"),
        (saying(b"\x00\xff" * 100), "what answers does not speak HTTP"),
        (saying(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 2 * HEADER_LIMIT_BYTES), "what answers does not speak HTTP"),
        (saying(b""), "the connection was lost"),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nok"), "the connection was lost"),
        (saying(OK, pause_s=0.1), "no whole answer within 0.5 s"),
        (saying(b"", end=False), "no whole answer within 0.5 s"),
        (saying(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, end=False), "no whole answer within 0.5 s"),
    ],
)
async def test_what_is_no_answer_is_said_in_time(serve: Serve, error: str) -> None:
    """Another protocol, bytes, endless headers, half an answer, one byte after the other, silence."""
    async with serving(serve) as place:
        answer = await ask(place, limit_s=SHORT_S if "within" in error else LIMIT_S)
    assert answer.status is None
    assert error in answer.error


async def test_a_body_without_end_is_not_read_to_its_end() -> None:
    """The status is known; the rest is left."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
            await writer.drain()

    async with serving(serve) as place:
        answer = await ask(place)
    assert (answer.status, answer.whole) == (200, False)
    assert len(answer.body) <= BODY_LIMIT_BYTES + (1 << 20)


async def test_a_connection_is_kept_and_one_that_was_ended_is_made_anew() -> None:
    """Three requests, and the server ends the connection after each second one."""
    seen: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(0)
        for _ in range(2):
            await reader.readuntil(b"\r\n\r\n")
            seen[-1] += 1
            writer.write(OK)

    async with serving(serve) as place, Line(place, LIMIT_S) as line:
        answers = [await line.get("/") for _ in range(3)]
    assert [(answer.status, answer.body) for answer in answers] == [(200, b"ok")] * 3
    assert seen == [2, 1]


async def test_what_is_to_be_done_is_sent_once() -> None:
    """On a connection of its own: one that was kept may have been ended, and nobody would know whether it was done."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in (OK, b""):
            seen.append((await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")[0])
            writer.write(answer)

    async with serving(serve) as place, Line(place, LIMIT_S) as line:
        assert (await line.get("/")).status == 200
        assert (await line.post("/do")).status == 200
        assert (await line.get("/")).status == 200  # the connection of before gave nothing; this is a second one
    assert seen == [b"GET / HTTP/1.1", b"POST /do HTTP/1.1", b"GET / HTTP/1.1", b"GET / HTTP/1.1"]


async def test_addresses_are_tried_one_after_the_other() -> None:
    """The first that takes us; with the name that was asked for."""

    async def find(place: Place) -> tuple[str, ...]:
        return ("127.0.0.254", "127.0.0.1")

    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)

    async with serving(serve) as place:
        named = Place("http", "web2.example", place.port, "")
        async with Line(named, LIMIT_S, find=find) as line:
            assert (await line.get("/")).status == 200
    assert f"host: web2.example:{place.port}\r\n".encode() in heads[0].lower()


async def test_a_redirect_is_named_without_its_query_and_not_followed() -> None:
    """Wherever it leads."""
    moved = b"HTTP/1.1 301 Moved\r\nLocation: https://shop.example/live?token=hunter2\r\nContent-Length: 0\r\n\r\n"
    async with serving(saying(moved)) as place:
        answer = await ask(place)
    assert (answer.status, answer.location) == (301, "https://shop.example/live")


async def test_a_certificate_that_nobody_vouches_for_is_not_accepted(tmp_path: Path) -> None:
    """And one that a named authority does, is."""
    certificates = Certificates.issue(tmp_path, Tls())
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificates.server_cert, certificates.server_key)
    async with serving(saying(OK), server) as place:
        answer = await ask(place, ssl.create_default_context())
        assert "certificate of 127.0.0.1" in answer.error
        assert (await ask(place, ssl.create_default_context(cafile=certificates.ca))).status == 200
        plain = Place("http", place.host, place.port, "")
        assert (await ask(plain)).error


def _nobody_knows(*_: object, **__: object) -> None:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


async def test_what_cannot_be_connected_to_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port where nobody listens, a name that is none, a server that is not TLS's."""

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)

    async with serving(plain) as place:
        answer = await ask(Place("https", place.host, place.port, ""), ssl.create_default_context())
        assert "does not speak TLS" in answer.error
    assert (await ask(place)).error == f"no connection to 127.0.0.1, port {place.port}: Connection refused"
    monkeypatch.setattr(socket, "getaddrinfo", _nobody_knows)  # a name server may be slow to say so
    answer = await ask(Place("http", "no-such-host.invalid", 80, ""))
    assert "no-such-host.invalid" in answer.error


async def test_the_token_does_not_go_where_others_could_read_it() -> None:
    """Over plain HTTP it is sent to this machine only."""
    visit = Visit(Wish(Place("http", "192.0.2.1", 80, ""), token="for-operators-only"))
    found = await visit._one_round()
    assert not found.known
    assert "is not sent to 192.0.2.1 without TLS" in found.why
    for private in ("https://192.0.2.1", "http://localhost:8000", "http://127.0.0.9", "http://[::1]:80"):
        assert place_of(private).is_private
    assert not place_of("http://127.0.0.1.evil.example").is_private


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://localhost:8000/", "http://localhost:8000"),
        ("https://shop.example/api/", "https://shop.example/api"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("http://bücher.example", "http://xn--bcher-kva.example"),
    ],
)
def test_an_address_is_read(url: str, shown: str) -> None:
    """With and without port and path."""
    assert place_of(url).url == shown


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://x", "http://", "http://a b", "http://x/\n", "http://[x"])
def test_what_is_no_address_is_refused(url: str) -> None:
    """In one sentence that shows how to write it."""
    with pytest.raises(CommandError, match="--url is wrong"):
        place_of(url)
