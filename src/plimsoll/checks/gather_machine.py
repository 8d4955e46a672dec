"""Learns of the machine what the database's checks need: where SQLite's file lies, what a server here runs on."""

import os
import tempfile
from contextlib import suppress
from dataclasses import replace

from plimsoll.checks.memory import ram_of
from plimsoll.checks.verdict import Known
from plimsoll.engine import is_in_memory
from plimsoll.host import Disk, Place, Survey, disks_of, place_of
from plimsoll.server.facts import ServerFacts
from plimsoll.settings import DatabaseSettings


def place_facts(settings: DatabaseSettings) -> Known[Place]:
    """Where the file of a SQLite database lies; irrelevant where there is none. A disk that hangs makes it hang."""
    if settings.dialect != "sqlite" or is_in_memory(settings):
        return Known(why="The database is not in a file.", irrelevant=True)
    path = settings.url.database or ""
    if path.startswith("file:"):
        return Known(why="where the file lies is not looked at for a file: URI")
    return Known(place_of(path))


def disk_facts(settings: Known[DatabaseSettings], server: Known[ServerFacts]) -> Known[tuple[Disk, ...]]:
    """Where this application, its database's file, or its server's data on this host are written."""
    places: dict[str, str] = {"the application": "."}
    with suppress(OSError):  # no directory could be written to: a full disk is told by the others
        places["temporary files"] = tempfile.gettempdir()
    if settings.known and (place := place_facts(settings.value)).known:
        places["the database's file"] = place.value.path
    if server.known and server.value.is_local:
        data = server.value.variables.get("datadir") or server.value.variables.get("data_directory", "")
        if os.path.isdir(data):  # a server in a container has another tree
            places["the server's data"] = data
    return Known(disks_of(places))


def with_machine(server: Known[ServerFacts], host: Known[Survey]) -> Known[ServerFacts]:
    """A server on this machine has its memory and processors."""
    if not server.known or not server.value.is_local or server.value.dialect == "sqlite":
        return server
    facts = server.value
    ram = ram_of(facts, host)
    cores = facts.cores or os.cpu_count()
    return Known(replace(facts, memory_bytes=None if ram is None else int(ram), cores=cores))
