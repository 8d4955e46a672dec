"""Workers and a host that call themselves whatever they like, beside a real service: their files in the directory that
workers share, and what another host answers."""

import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from plimsoll.snapshot import EventView, Problem, Snapshot
from plimsoll.snapshot.codec import to_json
from tests.console.trouble import Troubled
from tests.servers import TestDatabase
from tests.servers.places import HOST
from tests.snapshot.samples import HEALTHY, holder

MARKUP = "<img src=x onerror=document.title='owned'>"
ANSWERING = (
    MARKUP,
    "\"'></option><script>document.title='owned'</script>",
    "two\nlines\r\nweb-1:1: 0 of 9 connections",
    "w" * 3_000,
    "\x1b[2J\x1b]0;owned\x07\x9b2J\x00",
    "left\u202eright\u2066",
    "half a \ud83d",
    "?worker=all&span=%0a#",
)
SILENT = f"{MARKUP}s"
STEERING = set("\x1b\x07\x9b\x00\u202e\u2066")
"""Characters that steer a terminal, or turn the direction of writing."""

AGAIN_S = 0.1
"""Sooner than anybody stops waiting."""


def called(host: str, pid: int, words: str = "") -> Snapshot:
    """A worker as it is now, all of whose names are `words`, or the host's."""
    words, now_s = words or host, time.time()
    return replace(
        HEALTHY,
        at_s=now_s,
        worker=replace(HEALTHY.worker, host=host, pid=pid, release=words, started_s=now_s - 60),
        holders=(replace(holder(1, age_s=1.0, route=words), worker=words, id=f"{pid}-1"),),
        events=(EventView(now_s, "operator", words),),
        problems=(Problem("warning", "leak", f"{words} leaks.", words),),
        routes=(replace(HEALTHY.routes[0], name=words),),
        server=None,
    )


class _Neighbour:
    """One worker's two files, as `plimsoll.snapshot.shared` has them."""

    def __init__(self, directory: Path, host: str, pid: int, lock: str = "") -> None:
        self._host, self._pid = host, pid
        place = f"{pid}-{pid:08x}"
        self._fresh, self._path = directory / f"{place}.new", directory / f"{place}.json"
        self._lock = os.open(directory / f"{place}.lock", os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        os.write(self._lock, (lock or f"{host}:{pid}").encode("utf-8", "surrogatepass"))
        self.name = f"{host}:{pid}"

    def answer(self) -> None:
        """As if somebody had asked just now."""
        self._fresh.write_text(json.dumps(to_json(called(self._host, self._pid))))
        self._fresh.rename(self._path)

    def end(self) -> None:
        os.close(self._lock)


@contextmanager
def workers(directory: Path) -> Iterator[list[str]]:
    """Workers of these hosts; gives the names (`host:pid`) of all. One of the two that live and tell nothing has a lock
    without a name."""
    directory.mkdir(mode=0o700, exist_ok=True)
    answering = [_Neighbour(directory, host, 1_000 + number) for number, host in enumerate(ANSWERING)]
    silent = [_Neighbour(directory, SILENT, 2_000), _Neighbour(directory, socket.gethostname(), 2_001, "no name")]
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(AGAIN_S):
            for each in answering:
                each.answer()

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield [each.name for each in (*answering, *silent)]
    finally:
        over.set()
        thread.join()
        for each in (*answering, *silent):
            each.end()


@contextmanager
def other_host(host: str, words: str) -> Iterator[str]:
    """A host that answers for a worker of `host`, and a silent one that is called `words`; its address."""

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            told = {"workers": [to_json(called(host, 7, words))], "silent": 1, "silent_workers": [words]}
            body = json.dumps(told).encode()
            with suppress(OSError):  # who asked has waited long enough
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer((HOST, 0), Answers) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def beside(database: TestDatabase, directory: Path) -> Iterator[tuple[Troubled, list[str]]]:
    """A real service among them, and the names of the workers on its host. Of the two other hosts one is called so, and
    nothing is read of it; of the other all but its name is so."""
    with ExitStack() as stack:
        names = stack.enter_context(workers(directory))
        peers = [stack.enter_context(other_host(host, MARKUP)) for host in (MARKUP, "h" * 255)]
        service = Troubled(database, OPS_SHARED_DIR=str(directory), OPS_PEERS=",".join(peers))
        stack.callback(service.close)
        yield service, names
