"""What is told beside all workers as one: hosts that did not answer, and hosts that use the database and that nobody
here looks at. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from plimsoll.snapshot.causes.wording import bounded, counted, listed, plain, sane, verb
from plimsoll.snapshot.diagnosis import GRAVITY
from plimsoll.snapshot.model import Problem, ProcessView, Snapshot

NAMED = 3
"""Hosts that a sentence names; the others are counted."""

LONGEST_ADDRESS = 60

LATELY_S = 600.0
"""A connection that has done nothing for longer tells of no worker that lives: a host that was taken away leaves its
connections on the server until that notices, which may take hours."""

OLD_S = 60.0
"""A list of the server's that is older says nothing of now."""


@dataclass(frozen=True, slots=True)
class Unheard:
    """A host that did not answer when it was asked last: where, which hosts answered there before, and why."""

    url: str
    hosts: tuple[str, ...]
    why: str


def with_hosts(
    seen: Snapshot, unheard: Sequence[Unheard] = (), looked_at: Iterable[str] = (), *, all_known: bool = True
) -> Snapshot:
    """All workers as one, or one that is alone, with what there is to say about hosts. `looked_at` are those that are
    asked; `all_known`: what each is called that is to be asked is known by now."""
    others = _not_seen(seen, {*looked_at, *(host for each in unheard for host in each.hosts)}) if all_known else None
    told = [each for each in (_silent(unheard), others) if each is not None]
    if not told:
        return seen
    return replace(seen, problems=tuple(sorted([*seen.problems, *told], key=lambda each: GRAVITY[each.level])))


def _silent(unheard: Sequence[Unheard]) -> Problem | None:
    if not unheard:
        return None
    words = [f"{_called(each)} did not answer: {plain(each.why, 160).rstrip('.')}" for each in unheard[:NAMED]]
    more = [f"and {counted(len(unheard) - NAMED, 'other host')} did not answer"] if len(unheard) > NAMED else []
    return Problem(
        "warning",
        "host-silent",
        bounded(f"{'; '.join([*words, *more])}."),
        "What is shown of its workers is of before, or missing. See whether the service runs there and this host "
        "reaches it; take a host that is gone out of OPS_PEERS.",
    )


def _called(each: Unheard) -> str:
    url = plain(each.url, LONGEST_ADDRESS)
    names = listed([plain(host, 40) for host in each.hosts[:NAMED]])
    return f"{names} at {url}" if names else f"The host at {url}"


def _not_seen(seen: Snapshot, looked_at: Collection[str]) -> Problem | None:
    """By the names that workers give their connections."""
    known = {seen.worker.host, *(_host(row.name) for row in seen.workers), *looked_at}
    found = Counter(host for process in _lately(seen) if (host := _host(process.worker)) and host not in known)
    if not found:
        return None
    names = sorted(found)
    shown = [plain(name, 40) for name in names[:NAMED]]
    more = len(names) - NAMED
    hosts = listed([*shown, *([f"{more} more"] if more > 0 else [])])
    return Problem(
        "info",
        "hosts-unseen",
        bounded(
            f"Workers of {verb(len(names), 'host', 'hosts')} {hosts} use this database too "
            f"({counted(sum(found.values()), 'connection')}) and are not seen here."
        ),
        f"Add {verb(len(names), 'its address', 'their addresses')} to OPS_PEERS, such as "
        f"OPS_PEERS=http://{plain(names[0], 40)}:8000, and give all hosts the same OPS_TOKEN and OPS_READ_TOKEN.",
    )


def _lately(seen: Snapshot) -> Iterable[ProcessView]:
    """What the server's list says of now."""
    server = seen.server
    if server is None or server.error or sane(seen.at_s) - sane(server.at_s) > OLD_S:
        return ()
    return (
        process
        for process in server.processes
        if process.whose == "another worker" and process.mark != "stale worker" and sane(process.seconds) <= LATELY_S
    )


def _host(worker: str) -> str:
    return worker.rpartition(":")[0]
