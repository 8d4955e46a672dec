"""Learns of the machine what the database's checks need: where SQLite's file lies, what a server here runs on."""

import os
from dataclasses import replace

from plimsoll.checks.memory import ram_of
from plimsoll.checks.verdict import Known
from plimsoll.engine import is_in_memory
from plimsoll.host import Place, Survey, place_of
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


def with_machine(server: Known[ServerFacts], host: Known[Survey]) -> Known[ServerFacts]:
    """A server on this machine has its memory and processors."""
    if not server.known or not server.value.is_local or server.value.dialect == "sqlite":
        return server
    facts = server.value
    ram = ram_of(facts, host)
    cores = facts.cores or os.cpu_count()
    return Known(replace(facts, memory_bytes=None if ram is None else int(ram), cores=cores))
