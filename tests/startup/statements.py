"""What a server was asked, by its own record: MariaDB's general log, PostgreSQL's statement log."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers import MariaDbServer, PostgresServer, TestDatabase

_LOGGED = re.compile(r"LOG:  (?:statement|execute [^:]*): (.*)")


@contextmanager
def recorded(database: TestDatabase) -> Iterator[list[str]]:
    """Every statement that the database's user sends while the block runs; the list is filled at its end."""
    statements: list[str] = []
    if isinstance(database.server, MariaDbServer):
        with _general_log(database.server) as read:
            yield statements
            statements += read(database)
    elif isinstance(database.server, PostgresServer):
        database.server.sql(f"ALTER ROLE {database.user} SET log_statement = 'all'")
        begin = database.server.log_path.stat().st_size
        yield statements
        statements += _logged(database, database.server, begin)
        database.server.sql(f"ALTER ROLE {database.user} RESET log_statement")
    else:
        raise NotImplementedError(f"{database.kind} keeps no record of its statements")


@contextmanager
def _general_log(server: MariaDbServer) -> Iterator["_Reader"]:
    server.set_global("log_output", "TABLE")
    server.set_global("general_log", 1)
    server.sql("TRUNCATE mysql.general_log")
    try:
        yield _Reader(server)
    finally:
        server.set_global("general_log", 0)


class _Reader:
    def __init__(self, server: MariaDbServer) -> None:
        self._server = server

    def __call__(self, database: TestDatabase) -> list[str]:
        rows = self._server.sql(
            "SELECT argument FROM mysql.general_log WHERE user_host LIKE %s AND command_type IN ('Query', 'Execute')",
            f"%{database.user}%",
        )
        return [row[0].decode() if isinstance(row[0], bytes) else row[0] for row in rows]


def _logged(database: TestDatabase, server: PostgresServer, begin: int) -> list[str]:
    with server.log_path.open(errors="replace") as log:
        log.seek(begin)
        lines = [line for line in log if f" {database.user}@{database.name} " in line]
    return [match[1] for line in lines if (match := _LOGGED.search(line))]
