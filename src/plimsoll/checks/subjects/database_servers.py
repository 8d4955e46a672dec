"""The checks that judge the database server, PL300 to PL599, each subject from its own module."""

from plimsoll.checks.check import Check
from plimsoll.checks.subjects import (
    mysql_aborted,
    mysql_connections,
    mysql_durability,
    mysql_files,
    mysql_memory,
    mysql_schema,
    mysql_session,
    mysql_slow_log,
    mysql_threads,
    mysql_timeouts,
    postgresql_connections,
    postgresql_durability,
    postgresql_logging,
    postgresql_session,
    postgresql_timeouts,
    sqlite,
    sqlite_place,
)

CHECKS: tuple[Check, ...] = (
    *mysql_connections.CHECKS,
    *mysql_aborted.CHECKS,
    *mysql_threads.CHECKS,
    *mysql_files.CHECKS,
    *mysql_memory.CHECKS,
    *mysql_timeouts.CHECKS,
    *mysql_slow_log.CHECKS,
    *mysql_schema.CHECKS,
    *mysql_session.CHECKS,
    *mysql_durability.CHECKS,
    *postgresql_connections.CHECKS,
    *postgresql_timeouts.CHECKS,
    *postgresql_logging.CHECKS,
    *postgresql_session.CHECKS,
    *postgresql_durability.CHECKS,
    *sqlite.CHECKS,
    *sqlite_place.CHECKS,
)
