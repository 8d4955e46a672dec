"""Whose the connections in the server's process list are: joined with what a pool knows of its own."""

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from plimsoll.server.facts import ServerClient
from plimsoll.snapshot.model import HolderView, ProcessView, ServerView, Snapshot

LONGEST_NAME = 63
"""PostgreSQL cuts an application name at so many bytes."""

_WORKER = re.compile(r"(?:^| )([A-Za-z0-9_.-]+):(\d{1,10})$")

IDLE_TRANSACTION_S = 5.0
"""As DB_IDLE_TRANSACTION's default: no request that works sits still in a transaction for so long."""


def worker_name(host: str, pid: int) -> str:
    """How a worker is called: `host:pid`."""
    return f"{host}:{pid}"


def name_of(snapshot: Snapshot) -> str:
    """The worker that it is of, `host:pid`."""
    return worker_name(snapshot.worker.host, snapshot.worker.pid)


def owner(process: ProcessView) -> str:
    """Whose it is, as a view tells it: a worker by its name, where that is known."""
    return process.worker or process.whose


def connection_name(application: str, host: str, pid: int) -> str:
    """What a worker calls its connections on the server: the configured name and the worker, or the name alone where
    both do not fit."""
    name = f"{application} {worker_name(host, pid)}"
    fits = len(name) <= LONGEST_NAME and name.isascii() and name.isprintable()
    return name if fits else application


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Others' connections that were found by other means than their names: by the server's number the worker, or the
    program in words. `all_known`: a worker's would have been found."""

    workers: Mapping[int, str] = field(default_factory=dict)
    programs: Mapping[int, str] = field(default_factory=dict)
    all_known: bool = False


@dataclass(frozen=True, slots=True)
class Ours:
    """What one worker knows of its connections, and how its own kind is told from others. `ids` are the server's
    numbers of all its connections, `holders` are who holds them. `user` is the account; `tells_names` says whether the
    server told the names that clients gave themselves."""

    application: str
    host: str
    pid: int
    user: str | None
    ids: Collection[int] = ()
    holders: Mapping[int, HolderView] = field(default_factory=dict)
    idle_limit_s: float = IDLE_TRANSACTION_S
    tells_names: bool = True
    neighbours: Neighbours = field(default_factory=Neighbours)


def joined(clients: Sequence[ServerClient], ours: Ours) -> tuple[ProcessView, ...]:
    """The process list with whose each connection is and what is wrong with it, the longest in a transaction first."""
    views = [_view(client, ours) for client in clients]
    return tuple(sorted(views, key=lambda view: (view.mark == "", -(view.transaction_s or 0.0), view.id)))


def across(snapshots: Sequence[Snapshot]) -> ServerView | None:
    """The server's side as the worker saw it that asked last, with what every one of these workers knows of its own
    connections; None where none has asked."""
    views = [snapshot.server for snapshot in snapshots if snapshot.server is not None]
    if not views:
        return None
    newest = max(views, key=lambda view: (not view.error, view.at_s))
    known = {process.id: process for snapshot in snapshots for process in _own(snapshot)}
    processes = (_with_owner(process, known.get(process.id)) for process in newest.processes)
    return replace(newest, processes=tuple(processes))


def _own(snapshot: Snapshot) -> Iterator[ProcessView]:
    """A worker's own connections in the process list, with who holds them by now."""
    holders = {holder.server_id: holder for holder in snapshot.holders}
    for process in snapshot.server.processes if snapshot.server is not None else ():
        if process.whose == "this worker":
            holder = holders.get(process.id)
            yield process if holder is None else replace(process, route=holder.route, place=holder.place)


def _with_owner(process: ProcessView, owners: ProcessView | None) -> ProcessView:
    if owners is None or process.whose == "this worker":
        return owners or process
    mark = "" if process.mark == "unknown client" else process.mark
    return replace(
        process, whose="another worker", worker=owners.worker, route=owners.route, place=owners.place, mark=mark
    )


def _view(client: ServerClient, ours: Ours) -> ProcessView:
    holder = ours.holders.get(client.id)
    worker = _worker_of(client, ours)
    whose: Literal["this worker", "another worker", "unknown"] = "unknown"
    own = worker_name(ours.host, ours.pid)
    if client.id in ours.ids or worker == own:
        whose, worker = "this worker", own
    elif worker:
        whose = "another worker"
    return ProcessView(
        id=client.id,
        user=client.user,
        host=client.host,
        application=client.application or ours.neighbours.programs.get(client.id, ""),
        whose=whose,
        state=client.state,
        seconds=client.seconds,
        transaction_s=client.transaction_s,
        worker=worker,
        route=holder.route if holder else "",
        place=holder.place if holder else "",
        mark=_mark(client, whose, worker, ours),
        wait=client.wait,
    )


def _worker_of(client: ServerClient, ours: Ours) -> str:
    """`host:pid` where the connection's name says so in our application's way, or where it is known otherwise."""
    name, _, _ = client.application.rpartition(" ")
    found = _WORKER.search(client.application)
    if found and name == ours.application:
        return f"{found[1]}:{found[2]}"
    return ours.neighbours.workers.get(client.id, "")


def _mark(client: ServerClient, whose: str, worker: str, ours: Ours) -> str:
    if client.state == "idle in transaction" and (client.seconds or 0.0) > ours.idle_limit_s:
        return "idle in transaction"
    if whose == "another worker" and _is_gone(worker, ours.host):
        return "stale worker"
    if whose == "unknown" and (client.user != ours.user or ours.tells_names or ours.neighbours.all_known):
        return "unknown client"
    return ""


def _is_gone(worker: str, host: str) -> bool:
    """Whether a worker of this host has no process any more."""
    name, _, pid = worker.rpartition(":")
    if name != host:
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False
