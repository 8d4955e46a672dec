"""Throw-away real servers for the tests, and the means to make them fail."""

from tests.servers.certificates import Certificates, Tls
from tests.servers.command import RunningCommand
from tests.servers.database import ServerDatabase, SqliteDatabase, TestDatabase
from tests.servers.environment import REPOSITORY, clean_environ
from tests.servers.mariadb import MariaDbServer
from tests.servers.mysql import MYSQLD, MySqlServer, only_mariadb
from tests.servers.pgbouncer import PgBouncer
from tests.servers.places import free_port
from tests.servers.postgres import PostgresServer
from tests.servers.process import MissingServerError, ServerFailedError
from tests.servers.proxy import FaultProxy

__all__ = [
    "MYSQLD",
    "REPOSITORY",
    "Certificates",
    "FaultProxy",
    "MariaDbServer",
    "MissingServerError",
    "MySqlServer",
    "PgBouncer",
    "PostgresServer",
    "RunningCommand",
    "ServerDatabase",
    "ServerFailedError",
    "SqliteDatabase",
    "TestDatabase",
    "Tls",
    "clean_environ",
    "free_port",
    "only_mariadb",
]
