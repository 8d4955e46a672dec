"""In which of its lists a MySQL is asked whether a connection has ended; the connection stands in for the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from plimsoll.pool.killing import Killing

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection

OWN = 9
NEW, OLD = "performance_schema.processlist", "information_schema.processlist"


class Server:
    """A connection with number 9 to a server that has these ids in its lists; None is a list that it lacks."""

    def __init__(self, version: str, lists: dict[str, list[int] | None]) -> None:
        self.version = version
        self.lists = lists
        self.asked: list[str] = []
        self.driver_connection = self.description = self

    def get_server_info(self) -> str:
        return self.version

    def thread_id(self) -> int:
        return OWN

    def cursor(self) -> Server:
        return self

    def execute(self, statement: str) -> None:
        self.asked.append(statement.split(" WHERE ")[0].rpartition(" ")[2])
        if self.lists[self.asked[-1]] is None:
            raise RuntimeError("no such table")

    def fetchall(self) -> list[tuple[int]]:
        return [(number,) for number in self.lists[self.asked[-1]] or ()]

    def close(self) -> None: ...

    def rollback(self) -> None: ...


@pytest.mark.parametrize(
    ("version", "lists", "asked", "alive"),
    [
        ("8.4.5", {NEW: [7, OWN], OLD: None}, [NEW], {7}),
        ("8.4.5", {NEW: [OWN], OLD: None}, [NEW], set()),
        ("8.4.5", {NEW: [], OLD: [7]}, [NEW, OLD], {7}),
        ("5.7.44", {NEW: None, OLD: [7]}, [NEW, OLD], {7}),
        ("10.11.6-MariaDB", {NEW: None, OLD: [7]}, [OLD], {7}),
    ],
    ids=["new", "new, gone", "performance_schema is off", "old", "MariaDB"],
)
def test_the_newer_list_is_asked_where_it_is_kept(
    version: str, lists: dict[str, list[int] | None], asked: list[str], alive: set[int]
) -> None:
    """Our own connection must be in it: a list that is not kept would say that everything has ended."""
    server = Server(version, lists)
    killing = Killing("aiomysql", lambda: None)
    assert killing._alive(cast("DBAPIConnection", cast("Any", server)), {7}) == alive
    assert server.asked == asked
