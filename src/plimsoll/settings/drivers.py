"""The database drivers that Plimsoll runs on, the URL schemes mapped to them, and whether they are there."""

import importlib.metadata
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from packaging.version import InvalidVersion, Version

Dialect = Literal["mysql", "postgresql", "sqlite"]

ASYNCMY_FLOOR = Version("0.2.13")
"""asyncmy before this could give the rows of a cancelled query to the next query on the connection."""


@dataclass(frozen=True, slots=True)
class Driver:
    """An async driver: SQLAlchemy's name for it, and the package with the pip requirement that brings it."""

    scheme: str
    dialect: Dialect
    package: str
    requirement: str


_ALL = (
    Driver("mysql+aiomysql", "mysql", "aiomysql", "plimsoll[mysql]"),
    Driver("mysql+asyncmy", "mysql", "asyncmy", "plimsoll[asyncmy]"),
    Driver("postgresql+asyncpg", "postgresql", "asyncpg", "plimsoll[postgres]"),
    Driver("postgresql+psycopg", "postgresql", "psycopg", "plimsoll[psycopg]"),
    Driver("sqlite+aiosqlite", "sqlite", "aiosqlite", "plimsoll"),
)

DRIVERS: Mapping[str, Driver] = MappingProxyType({driver.scheme: driver for driver in _ALL})

_MYSQL_SYNC = ("pymysql", "mysqldb", "mysqlconnector", "mariadbconnector")
_POSTGRES_SYNC = ("psycopg2", "psycopg2cffi", "pg8000")

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("mysql", "mariadb", "mariadb+aiomysql"), "mysql+aiomysql"),
        **{f"{name}+{sync}": "mysql+aiomysql" for name in ("mysql", "mariadb") for sync in _MYSQL_SYNC},
        "mariadb+asyncmy": "mysql+asyncmy",
        **dict.fromkeys(("postgres", "postgresql", "postgres+asyncpg"), "postgresql+asyncpg"),
        **{f"{name}+{sync}": "postgresql+asyncpg" for name in ("postgres", "postgresql") for sync in _POSTGRES_SYNC},
        **dict.fromkeys(("postgres+psycopg", "postgresql+psycopg_async"), "postgresql+psycopg"),
        **dict.fromkeys(("sqlite", "sqlite+pysqlite"), "sqlite+aiosqlite"),
    }
)
"""Schemes of synchronous drivers and short forms, with the async driver that each is mapped to."""

ALLOWED_SCHEMES = (
    "a URL that begins with mysql://, mariadb://, postgresql://, postgres:// or sqlite://, "
    f"or with a driver of ours: {', '.join(DRIVERS)}"
)


def missing(driver: Driver) -> str | None:
    """Why a driver cannot be used, with the command that helps; None where it can."""
    install = f'install it with: pip install "{driver.requirement}"'
    if importlib.util.find_spec(driver.package) is None:
        return f"needs the package {driver.package}, which is not installed; {install}"
    if driver.package == "asyncmy" and not _asyncmy_is_safe():
        return (
            f"needs asyncmy {ASYNCMY_FLOOR} or later: an older one can give the rows of a cancelled query "
            f"to the next one; {install}"
        )
    return None


def _asyncmy_is_safe() -> bool:
    try:
        return Version(importlib.metadata.version("asyncmy")) >= ASYNCMY_FLOOR
    except (importlib.metadata.PackageNotFoundError, InvalidVersion):
        # A version that cannot be told may be an old one.
        return False
