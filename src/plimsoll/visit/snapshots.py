"""Asks a running service for the snapshots of its workers, as many as answer."""

import asyncio
import json
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from plimsoll.errors import CommandError, SnapshotError
from plimsoll.snapshot import HolderView, ServerView, Snapshot
from plimsoll.snapshot.codec import from_json
from plimsoll.snapshot.processes import across, worker_name
from plimsoll.visit.figures import refused
from plimsoll.visit.service import AT_ONCE, MOST_ROUNDS, ROUNDS_WITHOUT_NEWS
from plimsoll.web.line import Answer, Line
from plimsoll.web.place import Place

PATH = "/ops/snapshot"
"""Of all workers that whoever answers knows, on this host and others."""

ANSWER_LIMIT_S = 5.0
"""A worker answers in a second or so, also while its database is silent."""

MISSING = ("host-silent", "hosts-unseen")
"""Keys of problems that tell of hosts whose workers are not seen, or not as they are now."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A worker and who holds its connections, the oldest first. `name` is `host:pid`; one that is `silent` lives and
    does not answer."""

    name: str
    release: str
    limit: int
    taken: int
    idle: int
    waiting: int
    """For a connection, or in the line before the application."""
    holders: tuple[HolderView, ...]
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Everybody:
    """All workers by name, the server's side of them all, and sentences on hosts that are not among them."""

    workers: tuple[Seen, ...] = ()
    server: ServerView | None = None
    missing: tuple[str, ...] = ()


async def ask_workers(place: Place, token: str | None) -> Everybody:
    """All workers that whoever answers knows.

    Raises:
        CommandError: none is given; says why and what to do.
    """
    if token is not None and not place.is_private:
        raise CommandError(
            f"OPS_TOKEN is not sent to {place.host} without TLS, where anybody on the way could read it. Give an "
            "https:// address, or run this on the service's own machine with its address there."
        )
    tls = ssl.create_default_context() if place.scheme == "https" else None
    met: dict[str, Seen] = {}
    answers: list[Snapshot] = []
    without_news = 0
    for _ in range(MOST_ROUNDS):
        before = len(met)
        for snapshot in await _one_round(place, token, tls):
            answers.append(snapshot)
            for worker in workers_in(snapshot):
                if not worker.silent or worker.name not in met:
                    met[worker.name] = worker
        without_news = 0 if len(met) > before else without_news + 1
        # Where workers know one another, any of them tells of all: then it is other hosts that are looked for.
        enough = 1 if any(snapshot.workers for snapshot in answers) else ROUNDS_WITHOUT_NEWS
        if without_news >= enough:
            break
    missing = {problem.sentence: None for each in answers for problem in each.problems if problem.key in MISSING}
    return Everybody(tuple(met[name] for name in sorted(met)), server_in(answers), tuple(missing))


def workers_in(snapshot: Snapshot) -> Iterator[Seen]:
    """Those that it shows as one, or the one that it is of."""
    worker, pool = snapshot.worker, snapshot.pool
    if not snapshot.workers:
        name, waiting = worker_name(worker.host, worker.pid), pool.waiting + snapshot.admission.waiting
        yield Seen(name, worker.release, pool.limit, pool.taken, pool.idle, waiting, snapshot.holders)
    for row in snapshot.workers:
        held = tuple(holder for holder in snapshot.holders if holder.worker == row.name)
        yield Seen(row.name, row.release, row.limit, row.taken, row.idle, row.waiting, held, row.silent)


def server_in(snapshots: Sequence[Snapshot]) -> ServerView | None:
    """The server's side as it was seen last, each connection with whom any of them knows it to be of."""
    view = across(snapshots)
    if view is None:
        return None
    servers = [snapshot.server for snapshot in snapshots if snapshot.server is not None]
    known = {process.id: process for server in servers for process in server.processes if process.worker}
    processes = (known.get(each.id, each) if each.whose == "unknown" else each for each in view.processes)
    return replace(view, processes=tuple(processes))


async def _one_round(place: Place, token: str | None, tls: ssl.SSLContext | None) -> list[Snapshot]:
    """On new connections, so that a server's workers take turns."""
    lines = [Line(place, ANSWER_LIMIT_S, tls) for _ in range(AT_ONCE)]
    try:
        answers = await asyncio.gather(*(line.get(PATH, token) for line in lines))
    finally:
        for line in lines:
            line.close()
    return [_read(answer, with_token=token is not None) for answer in answers]


def _read(answer: Answer, *, with_token: bool) -> Snapshot:
    if answer.error:
        raise CommandError(f"The service does not answer {PATH}: {answer.error}.")
    if answer.status != 200:
        why = refused(answer, PATH, with_token=with_token)
        raise CommandError(f"The service was not asked further: {why.why}. {why.fix}".rstrip())
    try:
        return from_json(json.loads(answer.body))
    except (ValueError, RecursionError):
        raise CommandError(f"{PATH} answers with something that is no snapshot of a worker.") from None
    except SnapshotError as error:
        raise CommandError(f"{PATH} cannot be read: {error}") from None
