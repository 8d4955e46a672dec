"""Visits a service: is it alive and ready, what do its workers say, how do its pages answer, does its memory grow?

The workers are asked before and after the database's server, so that a connection that was opened or closed meanwhile
is not taken for a stranger's."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from plimsoll.checks.facts import RunningFacts
from plimsoll.checks.running import Worker
from plimsoll.checks.verdict import Known
from plimsoll.visit.figures import PATH as FIGURES
from plimsoll.visit.figures import read_figures
from plimsoll.visit.pages import OPENAPI, ask_pages, pages_of, patience_s
from plimsoll.visit.watching import Watch, samples_of
from plimsoll.web.line import Answer, Line
from plimsoll.web.place import Place

LIVE, READY = "/health/live", "/health/ready"

AT_ONCE = 4
"""Connections that are open at a time, so that the requests of one round reach several workers."""

MOST_ROUNDS = 16
ROUNDS_WITHOUT_NEWS = 4
"""After so many rounds that met no worker more, all that answer here have been met: were there one more of four, which
take turns at random, it would be missed once in 100 visits ((3/4)^16)."""

DETAIL_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Wish:
    """What a visit is to find out. `workers` are as many as were declared for the address, None where it is not known;
    `watch_s` is how long memory is watched, 0 for not at all."""

    place: Place
    token: str | None = None
    endpoints: tuple[str, ...] = ()
    limit_s: float = 1.0
    expected_release: str | None = None
    workers: int | None = None
    watch_s: float = 0.0


@dataclass(eq=False)
class Visit:
    """One visit."""

    wish: Wish
    _met: dict[tuple[str, int], Worker] = field(default_factory=dict)
    _claimed: set[int] = field(default_factory=set)
    _tls: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        if self.wish.place.scheme == "https":
            self._tls = ssl.create_default_context()

    async def gather(
        self,
        ask_server: Callable[[], Awaitable[None]] | None = None,
        quiet: Callable[[], Awaitable[None]] | None = None,
    ) -> RunningFacts:
        """What there is to know. `ask_server` looks at the database's server at the right moment; `quiet` returns when
        pages may be asked, whose times are taken. A service that does not answer at all is not asked anything else."""
        wish = self.wish
        facts = RunningFacts(
            wish.place.url,
            None,
            None,
            "",
            None,
            None,
            expected_release=wish.expected_release,
            request_limit_s=wish.limit_s,
            workers_expected=wish.workers,
        )
        async with self._line() as line:
            live = await line.get(LIVE)
            if live.error:
                if ask_server is not None:
                    await ask_server()
                no = f"the service does not answer: {live.error}"
                return replace(facts, live_error=live.error, figures=Known(why=no), pages=Known(why=no))
            facts = replace(facts, live=live.status, live_error=_moved(live))
            if quiet is not None:
                await quiet()
            pages = Known(wish.endpoints) if wish.endpoints else pages_of(await line.get(OPENAPI))
            if pages.known:
                facts = replace(facts, endpoints=await ask_pages(line, pages.value))
            # What it says may be a second old, and the pages' troubles should be in it.
            facts = _with_readiness(replace(facts, pages=pages), await line.get(READY))
        return await self._with_figures(facts, ask_server)

    async def _with_figures(
        self, facts: RunningFacts, ask_server: Callable[[], Awaitable[None]] | None
    ) -> RunningFacts:
        wish = self.wish
        answered = await self._meet_workers()
        watch: Watch = {}
        if answered.known and wish.watch_s:
            watch = await samples_of(self._one_round, lambda: self.met, wish.watch_s)
            # The server's list is compared with what they hold now.
            await self._meet_again()
        if ask_server is not None:
            await ask_server()
        if not answered.known:
            return replace(facts, figures=Known(why=answered.why, fix=answered.fix))
        await self._meet_again()
        workers = tuple(sorted(self._met.values(), key=lambda worker: (worker.host, worker.pid)))
        return replace(
            facts,
            figures=Known(_sum(workers)),
            workers=workers,
            claimed=frozenset(self._claimed),
            watch=watch,
            watched_s=wish.watch_s,
            release=workers[0].release or None,
            production=all(worker.production for worker in workers),
        )

    async def _meet_workers(self) -> Known[Worker]:
        """Ask for figures on new connections until no other worker shows up."""
        without_news = 0
        last: Known[Worker] = Known()
        for _ in range(MOST_ROUNDS):
            before = len(self._met)
            last = await self._one_round()
            without_news = 0 if len(self._met) > before else without_news + 1
            enough = len(self._met) >= (self.wish.workers or 0) and without_news >= ROUNDS_WITHOUT_NEWS
            if not last.known or enough:
                break
        return last

    async def _meet_again(self) -> None:
        """Ask until all who were met have told once more which connections they hold."""
        before = dict(self._met)
        for _ in range(MOST_ROUNDS):
            await self._one_round()
            if all(self._met[key] is not worker for key, worker in before.items()):
                break

    async def _one_round(self) -> Known[Worker]:
        """Figures on a few connections at once. What one of them was told; a refusal, where there was one."""
        place, token = self.wish.place, self.wish.token
        if token is not None and not place.is_private:
            return Known(
                why=f"OPS_TOKEN is not sent to {place.host} without TLS, where anybody on the way could read it",
                fix="Give an https:// address, or run this on the service's own machine with its address there.",
            )
        lines = [self._line() for _ in range(AT_ONCE)]
        try:
            answers = await asyncio.gather(*(line.get(FIGURES, token) for line in lines))
        finally:
            for line in lines:
                line.close()
        found = [read_figures(answer, with_token=token is not None) for answer in answers]
        for worker in found:
            if worker.known:
                self._met[worker.value.host, worker.value.pid] = worker.value
                self._claimed |= worker.value.connections
        return next((worker for worker in found if worker.known), found[0])

    def _line(self) -> Line:
        return Line(self.wish.place, patience_s(self.wish.limit_s), self._tls)

    @property
    def met(self) -> Sequence[Worker]:
        """The workers that were met so far, each as it was met last."""
        return tuple(self._met.values())


def _with_readiness(facts: RunningFacts, answer: Answer) -> RunningFacts:
    if answer.error:
        return replace(facts, ready_detail=answer.error)
    detail, database_ok = _ready_words(answer)
    return replace(facts, ready=answer.status, ready_detail=_moved(answer) or detail, ready_database=database_ok)


def _ready_words(answer: Answer) -> tuple[str, bool | None]:
    """What the page says in words, and whether it says that the database answers; None where it says nothing of it."""
    try:
        checks = json.loads(answer.body)["checks"]
        words = [f"{name}: {check['detail']}" for name, check in checks.items() if not check["ok"]]
        database = checks["database"]["ok"] if "database" in checks else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return "", None
    text = "; ".join(words)[:DETAIL_LIMIT]
    return (text if text.isprintable() else repr(text)), database if isinstance(database, bool) else None


def _moved(answer: Answer) -> str:
    return f"it points to {answer.location}" if answer.location else ""


def _sum(workers: Sequence[Worker]) -> dict[str, float]:
    """The figures of all workers together. Of what is a size or a most this is the sum too: what they take or took at
    worst together."""
    total: dict[str, float] = {}
    for worker in workers:
        for name, value in worker.numbers.items():
            total[name] = total.get(name, 0.0) + value
    return total
