"""Who on this host has connections that the server does not tell the names of, as MariaDB by default: found by their
ports, each once."""

import socket
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from plimsoll.host.sockets import owners, program, siblings
from plimsoll.server.facts import ServerClient
from plimsoll.snapshot.processes import Neighbours, worker_name


@dataclass(eq=False)
class Neighbourhood:
    """Of one worker."""

    _owners: dict[int, int] = field(default_factory=dict)
    """Processes by the server's number of a connection; 0 where none of this host was found."""

    def look(self, clients: Sequence[ServerClient], own: Collection[int], *, only_host: bool) -> Neighbours:
        """`own` are the numbers of this worker's connections; `only_host` says that no other host runs workers."""
        ports = {client.id: port for client in clients if (port := _port(client)) is not None}
        self._owners = {number: pid for number, pid in self._owners.items() if number in ports}
        family = siblings()
        if new := {number: port for number, port in ports.items() if number not in self._owners}:
            found = owners(frozenset(new.values()), family)
            self._owners |= {number: found.get(port, 0) for number, port in new.items()}
        here = family[0]
        seen = [number for number in ports if number in own]
        host = socket.gethostname()
        others = {number: pid for number, pid in self._owners.items() if pid and number not in own}
        return Neighbours(
            workers={number: worker_name(host, pid) for number, pid in others.items() if pid in family},
            programs={number: _words(pid) for number, pid in others.items() if pid not in family},
            # Where our own are not found by their ports, somebody between us and the server changes them.
            all_known=bool(seen) and only_host and all(self._owners[number] == here for number in seen),
        )


def _port(client: ServerClient) -> int | None:
    port = client.host.rpartition(":")[2]
    return int(port) if ":" in client.host and port.isdigit() else None


def _words(pid: int) -> str:
    return f"{program(pid) or 'a program'}, process {pid} here"
