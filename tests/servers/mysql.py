"""A throw-away MySQL, in MariaDB's place where a run asks for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.servers.mariadb import MariaDbServer
from tests.servers.process import ADMIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.servers.certificates import Tls
    from tests.servers.database import TestDatabase

MYSQLD = os.environ.get("TEST_MYSQLD", "")
"""The `mysqld` of a MySQL. Debian 12 has none, so a run has to be told."""

only_mariadb = pytest.mark.skipif(bool(MYSQLD), reason="of MariaDB alone")


class MySqlServer(MariaDbServer):
    """MySQL with small buffers and no syncing to the disk."""

    def __init__(self, *, tls: Tls | None = None, options: Sequence[str] = (), performance_schema: bool = True) -> None:
        # The tests' own counts of statements come from there: what a test thinks of it holds for MariaDB alone.
        super().__init__(tls=tls, options=options, performance_schema=performance_schema)

    def find_programs(self) -> tuple[str, str]:
        return MYSQLD, MYSQLD

    def prepare(self) -> None:
        data = self.directory / "data"
        self.run_tool(
            [self.program, "--no-defaults", f"--datadir={data}", "--initialize-insecure", *self.small_files()]
        )
        init = self.directory / "init.sql"
        init.write_text(
            f"CREATE USER IF NOT EXISTS '{ADMIN}'@'localhost';\n"
            f"ALTER USER '{ADMIN}'@'localhost' IDENTIFIED BY '{self.admin_password}';\n"
            f"GRANT ALL ON *.* TO '{ADMIN}'@'localhost' WITH GRANT OPTION;\n"
        )
        self.account.own(init)

    def command(self) -> list[str]:
        # With --no-defaults it would not read what SET PERSIST has kept either.
        options = self.directory / "my.cnf"
        options.touch()
        self.account.own(options)
        return [self.program, f"--defaults-file={options}", *super().command()[2:]]

    def small_files(self) -> list[str]:
        return [
            "--innodb-buffer-pool-size=32M",
            "--innodb-redo-log-capacity=32M",
            "--innodb-flush-log-at-trx-commit=2",
            "--innodb-flush-method=nosync",
            "--innodb-doublewrite=OFF",
        ]

    def own_options(self) -> list[str]:
        return [
            "--mysqlx=OFF",
            "--secure-file-priv=NULL",
            f"--performance-schema={'ON' if self.performance_schema else 'OFF'}",
        ]

    def tls_options(self) -> list[str]:
        return ["--tls-version="] if self.tls is None else super().tls_options()

    def query_count(self, database: TestDatabase) -> int:
        rows = self.sql(
            "SELECT SUM(COUNT_STAR) FROM performance_schema.events_statements_summary_by_user_by_event_name"
            " WHERE USER = %s AND (EVENT_NAME LIKE 'statement/sql/%%' OR EVENT_NAME = 'statement/com/Execute')",
            database.user,
        )
        return int(rows[0][0] or 0)
