"""Asks a running service for the snapshots of its workers, as many as answer."""

import asyncio
import json
import ssl

from plimsoll.errors import CommandError, SnapshotError
from plimsoll.snapshot import Snapshot
from plimsoll.snapshot.codec import from_json
from plimsoll.visit.figures import refused
from plimsoll.visit.service import AT_ONCE, MOST_ROUNDS, ROUNDS_WITHOUT_NEWS
from plimsoll.web.line import Answer, Line
from plimsoll.web.place import Place

PATH = "/ops/snapshot"
OWN_PATH = f"{PATH}?worker=self"
"""Each is asked for itself, so that those which do not see one another are met too."""

ANSWER_LIMIT_S = 5.0
"""A worker answers in a second or so, also while its database is silent."""


async def ask_workers(place: Place, token: str | None) -> tuple[Snapshot, ...]:
    """The newest snapshot of each worker that was met, by host and process.

    Raises:
        CommandError: none is given; says why and what to do.
    """
    if token is not None and not place.is_private:
        raise CommandError(
            f"OPS_TOKEN is not sent to {place.host} without TLS, where anybody on the way could read it. Give an "
            "https:// address, or run this on the service's own machine with its address there."
        )
    tls = ssl.create_default_context() if place.scheme == "https" else None
    met: dict[tuple[str, int], Snapshot] = {}
    without_news = 0
    for _ in range(MOST_ROUNDS):
        before = len(met)
        for snapshot in await _one_round(place, token, tls):
            met[snapshot.worker.host, snapshot.worker.pid] = snapshot
        without_news = 0 if len(met) > before else without_news + 1
        if without_news >= ROUNDS_WITHOUT_NEWS:
            break
    return tuple(met[key] for key in sorted(met))


async def _one_round(place: Place, token: str | None, tls: ssl.SSLContext | None) -> list[Snapshot]:
    """On new connections, so that a server's workers take turns."""
    lines = [Line(place, ANSWER_LIMIT_S, tls) for _ in range(AT_ONCE)]
    try:
        answers = await asyncio.gather(*(line.get(OWN_PATH, token) for line in lines))
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
