"""Bodies of requests: too large, too slow, and just right."""

import socket
import time
from pathlib import Path

import pytest

from tests.asgi.conftest import Answer, Serve, Served, ended, read_answer

MIB = 1_048_576
LIMIT = 100_000
CHUNK = b"%x\r\n" % 50_000 + b"x" * 50_000 + b"\r\n"


def chunked(client: socket.socket, path: str, *chunks: bytes, kind: str = "text/plain") -> Answer:
    """The answer to a chunked body. The server may have answered before all of it is sent."""
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n"
    client.sendall(head.encode())
    try:
        for chunk in chunks:
            client.sendall(chunk)
    except ConnectionError:
        pass
    return read_answer(client)


def is_problem(answer: Answer, status: int, code: str) -> bool:
    """Whether the answer is this problem document, and ends the connection."""
    assert answer.headers["content-type"] == "application/problem+json", answer
    assert answer.headers["connection"] == "close", answer
    return answer.status == status and code.encode() in answer.body


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_a_body_announced_too_large_is_refused_before_it_is_sent(serve: Serve, http: str) -> None:
    """413 at once, and the handler is not called."""
    served = serve("app", "--http", http)
    client = served.connect()
    client.sendall(f"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: {LIMIT + 1}\r\n\r\n".encode())
    assert is_problem(read_answer(client), 413, "body-too-large")
    client.settimeout(20)
    assert ended(client)
    assert "/echo" not in served.figures()["seen"]


def test_a_client_that_asks_first_is_not_told_to_send(serve: Serve) -> None:
    """With `Expect: 100-continue` the 413 comes in place of the 100, and the connection ends without waiting."""
    client = serve().connect()
    head = f"POST /echo HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {LIMIT + 1}\r\n\r\n"
    client.sendall(head.encode())
    assert is_problem(read_answer(client), 413, "body-too-large")
    client.settimeout(0.6)  # less than a connection lingers that may still send
    assert ended(client)


def test_a_client_that_has_sent_its_body_all_the_same_reads_the_answer(serve: Serve) -> None:
    """The connection is not reset under a client that sends 2 MB and only then reads."""
    served = serve()
    for _ in range(5):
        assert is_problem(served.get("/echo", "POST", b"x" * 2 * MIB), 413, "body-too-large")


def test_a_body_of_exactly_the_limit_is_taken(serve: Serve) -> None:
    """The limit itself is allowed, announced or chunked."""
    served = serve()
    assert served.get("/echo", "POST", b"x" * LIMIT).body == b"100000"
    assert chunked(served.connect(), "/echo", CHUNK, CHUNK, b"0\r\n\r\n").body == b"100000"


def test_a_chunked_body_is_refused_where_it_passes_the_limit(serve: Serve) -> None:
    """413 while it comes, whatever a handler makes of the error."""
    served = serve()
    assert is_problem(chunked(served.connect(), "/echo", CHUNK, CHUNK, CHUNK), 413, "body-too-large")
    assert is_problem(chunked(served.connect(), "/swallow", CHUNK, CHUNK, CHUNK), 413, "body-too-large")
    figures = served.figures()
    assert "BodyRefusedError" in figures["seen"]
    assert figures["counters"]["answered_body-too-large"] == 2
    assert "Traceback" not in served.command.output()


@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_fastapi_does_not_make_a_400_of_it(serve: Serve, kind: str) -> None:
    """FastAPI answers 400 to any error in reading a body; the client gets the 413."""
    served = serve("fastapi_app")
    path = "/json" if kind == "application/json" else "/text"
    assert is_problem(chunked(served.connect(), path, CHUNK, CHUNK, CHUNK, kind=kind), 413, "body-too-large")
    assert served.get("/json", "POST", b'{"a": 1}', {"content-type": "application/json"}).body == b"1"


def test_the_limit_is_that_of_the_route(serve: Serve) -> None:
    """A route with a larger limit takes what another refuses."""
    served = serve()
    assert served.get("/uploads", "POST", b"x" * 2 * MIB).body == str(2 * MIB).encode()
    assert served.get("/echo", "POST", b"x" * 2 * MIB).status == 413


@pytest.mark.parametrize("path", ["/echo", "/swallow"])
def test_a_body_of_a_few_bytes_a_second_is_ended(serve: Serve, path: str) -> None:
    """408 once the grace is used up; bytes that come meanwhile do not help."""
    served = serve(min_rate_bytes=1000, grace_s=0.5)
    client = served.connect()
    client.sendall(f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n".encode())
    client.settimeout(0.05)
    began = time.monotonic()
    while True:
        assert time.monotonic() - began < 30
        client.sendall(b"x")
        try:
            client.recv(1, socket.MSG_PEEK)
            break
        except TimeoutError:
            continue
    client.settimeout(10)
    assert is_problem(read_answer(client), 408, "body-too-slow")
    assert ended(client)
    assert served.figures()["counters"]["answered_body-too-slow"] == 1


def test_a_client_that_sent_much_at_first_may_not_rest_on_it(serve: Serve) -> None:
    """Bytes sent fast buy no more than the grace."""
    client = serve(min_rate_bytes=1000, grace_s=0.5).connect()
    client.sendall(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 90000\r\n\r\n" + b"x" * 80_000)
    assert is_problem(read_answer(client), 408, "body-too-slow")


def test_a_body_faster_than_the_minimum_is_taken_however_long_it_takes(serve: Serve) -> None:
    """The grace is a bucket that arriving bytes refill, not a limit for the whole."""
    # A busy machine may keep the client, too, from what it does for a second or two.
    client = serve(min_rate_bytes=1000, grace_s=3).connect()
    client.sendall(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 24000\r\n\r\n")
    for _ in range(60):
        client.sendall(b"x" * 400)
        time.sleep(0.1)
    assert read_answer(client).body == b"24000"


def test_time_in_which_the_handler_does_not_read_is_not_the_clients(serve: Serve) -> None:
    """A handler that sleeps longer than the grace, and a client that leaves meanwhile, are no slow bodies."""
    served = serve(min_rate_bytes=1000, grace_s=0.2)
    assert served.get("/sleep?s=0.6", "POST", b"x" * 10).body == b"slept"
    assert "answered_body-too-slow" not in served.figures()["counters"]


def multipart(path: Path, size: int) -> dict[str, str]:
    """A file with a form's body, `size` bytes of a file in it; the headers for it."""
    boundary = "b0undary"
    with path.open("wb") as file:
        disposition = 'content-disposition: form-data; name="file"; filename="x"'
        file.write(f"--{boundary}\r\n{disposition}\r\n\r\n".encode())
        for _ in range(size // MIB):
            file.write(b"x" * MIB)
        file.write(f"\r\n--{boundary}--\r\n".encode())
    return {"content-type": f"multipart/form-data; boundary={boundary}", "content-length": str(path.stat().st_size)}


def test_a_large_upload_goes_to_disk(serve: Serve, tmp_path: Path) -> None:
    """120 MB through Starlette's form parser raise the peak of memory by a few MB."""
    served = serve("fastapi_app", min_rate_bytes=500, grace_s=20)
    upload(served, tmp_path, 2 * MIB)
    before = served.figures()["peak"]
    answer = upload(served, tmp_path, 120 * MIB)
    assert answer.status == 200
    assert b'"on_disk":true' in answer.body
    assert b'"size":125829120' in answer.body
    grown = served.figures()["peak"] - before
    print(f"peak grew by {grown / MIB:.1f} MiB")
    assert grown < 8 * MIB


def upload(served: Served, folder: Path, size: int) -> Answer:
    """The answer to a form with a file of `size` bytes."""
    path = folder / "form"
    headers = multipart(path, size)
    with path.open("rb") as file:
        return served.get("/upload", "POST", file, headers)
