"""What is learned of the machine: the place of SQLite's file, and what a server here runs on."""

from dataclasses import replace
from pathlib import Path

from plimsoll.checks.gather_machine import place_facts, with_machine
from plimsoll.checks.verdict import Known
from plimsoll.host import survey
from plimsoll.settings import DatabaseSettings
from tests.checks.healthy import MYSQL, SQLITE


def test_a_server_here_has_this_machine_s_memory_and_processors() -> None:
    """One elsewhere keeps what it told, and SQLite is no server."""
    host = Known(survey())
    here = with_machine(Known(replace(MYSQL, is_local=True, memory_bytes=None, cores=None)), host).value
    assert here.memory_bytes
    assert here.cores
    elsewhere = Known(replace(MYSQL, memory_bytes=None, cores=None))
    for kept in (elsewhere, Known(SQLITE), Known(replace(MYSQL), why="it does not answer")):
        assert with_machine(kept, host) is kept


def test_a_file_has_a_place_and_a_database_in_memory_none(tmp_path: Path) -> None:
    """A server has none either."""
    place = place_facts(DatabaseSettings(database_url=f"sqlite:///{tmp_path}/data.sqlite3")).value
    assert place.path == str(tmp_path / "data.sqlite3")
    assert (place.exists, place.directory_exists) == (False, True)
    for url in ("sqlite://", "mysql://app:x@db.example/app"):
        assert place_facts(DatabaseSettings(database_url=url)).irrelevant
