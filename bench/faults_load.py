"""The load of `bench_faults.py`: twenty clients that keep their connections, and what each of their requests came to.

The clients speak HTTP on bare sockets, so that a reset is counted as the reset it is.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count, pairwise

HOST = "127.0.0.1"
CLIENTS = 20
WRITE_EVERY = 3
"""Every third request of a client writes."""
THINK_S = 0.01
"""Mean time between an answer and the next request: a client that is refused at once does not come back a thousand
times. It is random, since with a fixed one the clients fall into step and come all at once, again and again."""
PATIENCE_S = 5.0
"""A client gives up after this; whatever took longer has hung."""
KINDS = ("read", "write")
OUTCOMES = ("200", "503", "500", "other", "broken", "gave up")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How the load goes. With `burst_every_s` all clients begin together and rest, else they go on without a rest."""

    load_s: float = 5.0
    patience_s: float = PATIENCE_S
    burst_every_s: float | None = None
    burst_s: float = 0.3


@dataclass(frozen=True, slots=True)
class Answer:
    """One request and its outcome (one of `OUTCOMES`), on the monotonic clock."""

    kind: str
    outcome: str
    token: str
    began_s: float
    ended_s: float


@dataclass
class Load:
    """All clients of one run."""

    port: int
    plan: Plan
    answers: list[Answer] = field(default_factory=list)

    async def run(self) -> None:
        """Load the service until the plan's time is over and the last request has its outcome."""
        self.began_s = time.monotonic()
        self.ends_s = self.began_s + self.plan.load_s
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(self._client(number))

    async def _client(self, number: int) -> None:
        line = Line(self.port)
        for serial in count(number):
            await asyncio.sleep(self._pause_s())
            if time.monotonic() >= self.ends_s:
                break
            kind = KINDS[serial % WRITE_EVERY == 0]
            token = f"{number}-{serial}"
            began_s = time.monotonic()
            outcome = await self._outcome(line, kind, token)
            self.answers.append(Answer(kind, outcome, token, began_s, time.monotonic()))
        line.close()

    async def _outcome(self, line: "Line", kind: str, token: str) -> str:
        try:
            async with asyncio.timeout(self.plan.patience_s):
                status = await (line.ask("GET", "/note") if kind == "read" else line.ask("POST", f"/notes/{token}"))
        except TimeoutError:
            line.close()
            return "gave up"
        except (OSError, EOFError):
            line.close()
            return "broken"
        return str(status) if str(status) in OUTCOMES else "other"

    def _pause_s(self) -> float:
        """Until the client's next request."""
        every_s = self.plan.burst_every_s
        if every_s is None:
            return random.expovariate(1 / THINK_S)
        into_s = (time.monotonic() - self.began_s) % every_s
        return random.expovariate(1 / THINK_S) if into_s < self.plan.burst_s else every_s - into_s

    def count(self, kind: str) -> Counter[str]:
        """How many requests of a kind had which outcome."""
        return Counter(answer.outcome for answer in self.answers if answer.kind == kind)

    def tokens(self, outcomes: Iterable[str]) -> set[str]:
        """Of the writes with such an outcome."""
        return {each.token for each in self.answers if each.kind == "write" and each.outcome in outcomes}

    def longest_s(self) -> float:
        """The longest request."""
        return max((each.ended_s - each.began_s for each in self.answers), default=0.0)

    def good_times(self, since_s: float) -> list[float]:
        """When an answer of 200 came after `since_s`, in order."""
        return sorted(each.ended_s for each in self.answers if each.outcome == "200" and each.ended_s >= since_s)

    def recovery_s(self, back_s: float) -> float | None:
        """From the moment at which the database was back to the first answer of 200; None where none came."""
        return next((good_s - back_s for good_s in self.good_times(back_s)), None)

    def longest_gap_s(self, back_s: float) -> float:
        """The longest time without an answer of 200 after the database was back."""
        times = [back_s, *self.good_times(back_s), max(self.ends_s, back_s)]
        return max(later - earlier for earlier, later in pairwise(times))


class Line:
    """A client's connection to the service; opened when first used, and again after it was closed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader = asyncio.StreamReader()
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, method: str, path: str) -> int:
        """Send a request, read all of the answer, return its status.

        Raises:
            OSError, EOFError: the connection broke.
        """
        if self._writer is None or self._reader.at_eof() or self._writer.is_closing():
            # As good clients do: what the service has closed since the last answer is not used again.
            self.close()
            self._reader, self._writer = await asyncio.open_connection(HOST, self._port)
        self._writer.write(f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 0\r\n\r\n".encode())
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = next(line for line in head.split("\r\n") if line.startswith("content-length:"))
        await self._reader.readexactly(int(length.partition(":")[2]))
        if "connection: close" in head:
            self.close()
        return int(head.split(maxsplit=2)[1])

    def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = None
