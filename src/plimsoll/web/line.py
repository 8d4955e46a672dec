"""One HTTP/1.1 client: every answer has an end in time and in size, and every failure is a sentence.

Of the standard library's client only each single read is limited, not the whole answer; here one deadline holds for
connecting, sending and reading. HTTP is h11's, which uvicorn brings along."""

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from types import TracebackType
from typing import Self

import h11

from plimsoll.web.place import Place

CONNECT_LIMIT_S = 5.0
"""For a connection with its TLS: a service farther away than this is not usable."""

BODY_LIMIT_BYTES = 4 << 20
"""Of a body no more is read; an OpenAPI document of 1,000 routes has 2 MB or so."""

HEADER_LIMIT_BYTES = 64 << 10
READ_BYTES = 64 << 10
NOT_HTTP = "what answers does not speak HTTP"
AGENT = b"plimsoll-check"

Find = Callable[[Place], Awaitable[Sequence[str]]]
"""Gives the addresses of a place; raises OSError or ValueError, whose words say why there is none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, or in `error` why there is none. `seconds` from sending the request to the end of the response,
    connecting left out. `whole` is False where the body was longer than is read."""

    status: int | None = None
    seconds: float = 0.0
    body: bytes = b""
    location: str = ""
    retry_after: str = ""
    whole: bool = True
    error: str = ""


@dataclass(eq=False)
class Line:
    """One connection to a service, made with its first request, kept while both sides like, made anew after that.
    `find` gives the addresses instead of the system; `headers` go with each request."""

    place: Place
    limit_s: float
    tls: ssl.SSLContext | None = None
    find: Find | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ((b"user-agent", AGENT),)
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    _http: h11.Connection = field(default_factory=lambda: h11.Connection(h11.CLIENT))
    _ended: bool = False
    """Whether the other side has ended the connection."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; the rest of what it would have said is not waited for."""
        if self._streams is not None:
            self._streams[1].transport.abort()
        self._streams = None

    async def get(self, path: str, token: str | None = None) -> Answer:
        """One GET. Raises nothing but cancellation: a failure is an answer too."""
        reused = self._streams is not None
        answer = await self._ask("GET", path, token)
        if answer.error and reused and answer.status is None:
            # The other side may have ended an idle connection just then, which says nothing of the service.
            answer = await self._ask("GET", path, token)
        return answer

    async def post(self, path: str, token: str | None = None) -> Answer:
        """One POST without a body, on a new connection: it may have been done where no answer comes, so it is never
        sent a second time. Raises nothing but cancellation."""
        self.close()
        return await self._ask("POST", path, token)

    async def _ask(self, method: str, path: str, token: str | None) -> Answer:
        try:
            if self._streams is None:
                async with asyncio.timeout(min(CONNECT_LIMIT_S, self.limit_s)):
                    await self._connect()
        except (OSError, ValueError) as error:
            self.close()
            return Answer(error=self._connect_words(error))
        began_s = perf_counter()
        try:
            async with asyncio.timeout(self.limit_s):
                answer = await self._exchange(method, path, token, began_s)
        except TimeoutError:
            self.close()
            return Answer(seconds=perf_counter() - began_s, error=f"no whole answer within {self.limit_s:g} s")
        except UnicodeEncodeError:
            return Answer(error=f"the path {path!r} is not ASCII")
        except (OSError, EOFError) as error:
            self.close()
            return Answer(seconds=perf_counter() - began_s, error=f"the connection was lost: {_reason(error)}")
        except h11.RemoteProtocolError as error:
            self.close()
            what = f"the connection was lost: {_reason(EOFError())}" if self._ended else f"{NOT_HTTP}: {error}"
            return Answer(seconds=perf_counter() - began_s, error=what)
        return answer

    async def _connect(self) -> None:
        place = self.place
        tls = self.tls if place.scheme == "https" else None
        addresses = [place.host] if self.find is None else await self.find(place)
        self._streams = await _opened(addresses, place, tls)
        self._ended = False
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEADER_LIMIT_BYTES)

    async def _exchange(self, method: str, path: str, token: str | None, began_s: float) -> Answer:
        assert self._streams is not None
        _, writer = self._streams
        headers = [(b"host", self._host()), (b"accept", b"application/json, */*;q=0.5"), *self.headers]
        if method == "POST":
            headers.append((b"content-length", b"0"))
        if token is not None:
            headers.append((b"authorization", b"Bearer " + token.encode("ascii")))
        target = f"{self.place.prefix}{path}".encode("ascii")
        writer.write(self._http.send(h11.Request(method=method, target=target, headers=headers)) or b"")
        writer.write(self._http.send(h11.EndOfMessage()) or b"")
        response, body, whole = await self._read()
        seconds = perf_counter() - began_s
        self._rest(whole=whole)
        found = {bytes(name): bytes(value).decode("latin-1") for name, value in response.headers}
        return Answer(
            response.status_code,
            seconds,
            bytes(body),
            _shown(found.get(b"location", "")),
            _shown(found.get(b"retry-after", "")),
            whole,
        )

    async def _read(self) -> tuple[h11.Response, bytearray, bool]:
        response: h11.Response | None = None
        body = bytearray()
        while True:
            event = await self._event()
            if isinstance(event, h11.Response):
                response = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > BODY_LIMIT_BYTES and response is not None:
                    return response, body, False
            elif isinstance(event, h11.EndOfMessage) and response is not None:
                return response, body, True
            elif isinstance(event, h11.ConnectionClosed):
                raise EOFError

    async def _event(self) -> object:
        assert self._streams is not None
        reader, _ = self._streams
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event
            data = await reader.read(READ_BYTES)
            self._ended = not data
            self._http.receive_data(data)

    def _rest(self, *, whole: bool) -> None:
        """Between two requests."""
        if whole and self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        else:
            self.close()

    def _host(self) -> bytes:
        return self.place.url.removesuffix(self.place.prefix).partition("://")[2].encode("ascii")

    def _connect_words(self, error: Exception) -> str:
        where = f"{self.place.host}, port {self.place.port}"
        if isinstance(error, ssl.SSLCertVerificationError):
            why = error.verify_message or "it is not trusted"
            return f"the TLS certificate of {where} was not accepted: {why} (SSL_CERT_FILE names authorities to trust)"
        if isinstance(error, ssl.SSLError):
            return f"{where} does not speak TLS as https:// asks for: {error.reason or 'the handshake failed'}"
        if isinstance(error, socket.gaierror):
            return f"the name {self.place.host} was not found: {error.strerror}"
        if isinstance(error, TimeoutError):
            return f"no connection to {where} within {min(CONNECT_LIMIT_S, self.limit_s):g} s"
        return f"no connection to {where}: {_reason(error)}"


async def _opened(
    addresses: Sequence[str], place: Place, tls: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """To the first address that takes us."""
    failed: OSError | None = None
    for address in addresses:
        try:
            return await asyncio.open_connection(
                address, place.port, ssl=tls, server_hostname=place.host if tls is not None else None
            )
        except OSError as error:
            failed = error
    raise failed or OSError("it has no address")


def _reason(error: BaseException) -> str:
    if isinstance(error, EOFError):
        return "it was closed before a whole answer of HTTP had come"
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)
    if isinstance(error, OSError) and "Multiple exceptions" in str(error):
        return "none of its addresses answers there"
    return str(error) or type(error).__name__


def _shown(text: str) -> str:
    """A header for people: its beginning, without a query, which may hold secrets."""
    return "".join(char for char in text.partition("?")[0] if char.isprintable())[:200]
