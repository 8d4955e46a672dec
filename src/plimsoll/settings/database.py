"""The settings of the database: names and defaults that operators know, and what follows from them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import PrivateAttr, SecretStr
from sqlalchemy.engine import URL

from plimsoll.settings import names
from plimsoll.settings.base import Settings
from plimsoll.settings.connection import derive_connection
from plimsoll.settings.declaration import setting
from plimsoll.settings.drafting import Draft
from plimsoll.settings.drivers import ALLOWED_SCHEMES, Dialect
from plimsoll.settings.production import Production, detect_production, near_misses
from plimsoll.settings.redaction import render_safely
from plimsoll.settings.tls import TlsSettings
from plimsoll.settings.urls import MAX_PORT, SslMode

MAX_CONNECTIONS = 1000
"""More from one process is a mistake: MySQL's own default for the whole server is 151."""

AUTO: Literal["auto"] = "auto"
"""The word by which `DB_POOL_SIZE` leaves the sizes to start-up."""

_PEM = "the path of a readable file in PEM form"

DAY_S = 86_400
HOUR_S = 3_600
SHORTEST_S = 0.1
"""A shorter limit fails on a busy but healthy machine."""


@dataclass(frozen=True, slots=True)
class _Derived:
    url: URL
    dialect: Dialect
    tls: TlsSettings | None
    production: Production


class DatabaseSettings(Settings):
    """Which database to use and how. Frozen; every number has its unit in its name or is a count."""

    lookalike_prefixes = ("DB_", "MYSQL_", "DATABASE_", "ENVIR", "PRODUC")

    database_url: SecretStr | None = setting(
        "DATABASE_URL",
        default=None,
        secret=True,
        is_url=True,
        allowed=ALLOWED_SCHEMES,
        help="The database; wins over MYSQL_*. Default: the SQLite file plimsoll.db, in development only",
    )
    mysql_host: str | None = setting(
        "MYSQL_HOST",
        default=None,
        check=names.check_host,
        allowed="a host name or address",
        help="The MySQL or MariaDB server, where DATABASE_URL is not set",
    )
    mysql_port: int = setting("MYSQL_PORT", default=3306, ge=1, le=MAX_PORT, help="Its port")
    mysql_user: str | None = setting("MYSQL_USER", default=None, check=names.check_not_empty, help="The account on it")
    mysql_password: SecretStr | None = setting(
        "MYSQL_PASSWORD", default=None, secret=True, help="The account's password, any characters"
    )
    mysql_database: str | None = setting(
        "MYSQL_DATABASE", default=None, check=names.check_not_empty, help="The database on it"
    )

    pool_size: int | Literal["auto"] = setting(
        "DB_POOL_SIZE",
        default=20,
        ge=1,
        le=MAX_CONNECTIONS,
        unit="connections",
        help="Connections that a process keeps; auto finds them and DB_MAX_OVERFLOW at start ('plimsoll capacity')",
    )
    max_overflow: int = setting(
        "DB_MAX_OVERFLOW",
        default=20,
        ge=0,
        le=MAX_CONNECTIONS,
        unit="connections",
        help="Connections that a process may open beyond those, at a peak",
    )
    pool_timeout_s: float = setting(
        "DB_POOL_TIMEOUT",
        default=30.0,
        ge=SHORTEST_S,
        le=HOUR_S,
        unit="s",
        help="Longest wait for a connection from the pool",
    )
    pool_recycle_s: float = setting(
        "DB_POOL_RECYCLE",
        default=280.0,
        ge=1,
        le=DAY_S,
        unit="s",
        help="Age at which a connection is replaced; must be below the server's wait_timeout",
    )
    pool_max_waiting: int = setting(
        "DB_POOL_MAX_WAITING",
        default=200,
        ge=0,
        le=100_000,
        unit="tasks",
        help="How many may wait for a connection; the next is refused at once",
    )
    pool_min_idle: int = setting(
        "DB_POOL_MIN_IDLE",
        default=0,
        ge=0,
        le=MAX_CONNECTIONS,
        unit="connections",
        help="Connections that are kept open while nobody uses them",
    )
    pool_idle_timeout_s: float = setting(
        "DB_POOL_IDLE_TIMEOUT",
        default=60.0,
        ge=SHORTEST_S,
        le=DAY_S,
        unit="s",
        help="Connections beyond DB_POOL_MIN_IDLE that nobody used for so long are closed",
    )
    leak_threshold_s: float = setting(
        "DB_LEAK_THRESHOLD",
        default=10.0,
        ge=0,
        le=DAY_S,
        unit="s",
        help="A connection held for longer is reported with the code that took it; 0 switches that off",
    )
    statement_timeout_s: float = setting(
        "DB_STATEMENT_TIMEOUT",
        default=60.0,
        ge=0,
        le=DAY_S,
        unit="s",
        help="A statement that is not answered for so long is given up and ended on the server; 0 waits without limit",
    )
    idle_transaction_s: float = setting(
        "DB_IDLE_TRANSACTION",
        default=5.0,
        ge=0,
        le=DAY_S,
        unit="s",
        help="A transaction in which nothing happened for so long is reported; 0 switches that off",
    )
    end_idle_transaction_s: float = setting(
        "DB_END_IDLE_TRANSACTION",
        default=0.0,
        ge=0,
        le=DAY_S,
        unit="s",
        help="A transaction in which nothing happened for so long is rolled back, its connection closed; 0 for never",
    )
    prepared_statements: bool = setting(
        "DB_PREPARED_STATEMENTS",
        default=True,
        help="PostgreSQL: keep prepared statements; off where PgBouncer lends connections by transaction",
    )
    connect_timeout_s: float = setting(
        "DB_CONNECT_TIMEOUT",
        default=10.0,
        ge=SHORTEST_S,
        le=HOUR_S,
        unit="s",
        help="Longest wait for a new connection to the server",
    )
    cleanup_timeout_s: float = setting(
        "DB_CLEANUP_TIMEOUT",
        default=5.0,
        ge=SHORTEST_S,
        le=HOUR_S,
        unit="s",
        help="Longest time for a rollback or close; then the connection is dropped",
    )
    start_timeout_s: float = setting(
        "DB_START_TIMEOUT",
        default=60.0,
        ge=0,
        le=HOUR_S,
        unit="s",
        help="Longest wait at start for the database to answer; 0 is one try",
    )
    pending_migrations: Literal["refuse", "warn"] = setting(
        "DB_PENDING_MIGRATIONS", default="refuse", help="What to do in production if the schema is behind"
    )
    migration_lock_timeout_s: float = setting(
        "DB_MIGRATION_LOCK_TIMEOUT",
        default=300.0,
        ge=0,
        le=DAY_S,
        unit="s",
        help="Longest wait for another process that migrates",
    )
    lock_wait_timeout_s: int = setting(
        "DB_LOCK_WAIT_TIMEOUT",
        default=5,
        ge=1,
        le=HOUR_S,
        unit="s",
        help="Longest wait of a migration's statement for a lock on a table; whole seconds, as in MySQL",
    )
    ssl_mode: SslMode | None = setting(
        "DB_SSL_MODE",
        default=None,
        help="TLS to the database. Default: verify-full where DB_SSL_CA is set, else off",
    )
    ssl_ca: Path | None = setting(
        "DB_SSL_CA", default=None, allowed=_PEM, help="Certificates that sign the server's, PEM"
    )
    ssl_cert: Path | None = setting("DB_SSL_CERT", default=None, allowed=_PEM, help="Our own certificate, PEM")
    ssl_key: Path | None = setting("DB_SSL_KEY", default=None, allowed=_PEM, help="Its key, PEM, without a passphrase")
    application_name: str = setting(
        "DB_APPLICATION_NAME",
        default="plimsoll",
        check=names.check_application_name,
        allowed="1 to 63 printable ASCII characters",
        help="How our connections are named on the server; a worker adds its host and process",
    )
    environment: str = setting("ENVIRONMENT", default="", help="production or prod means production")
    production_flag: str = setting("PRODUCTION", default="", help="true, 1 or yes means production")
    production_hosts: tuple[str, ...] = setting(
        "PRODUCTION_HOSTS",
        default=(),
        help="Texts that mean production where MYSQL_HOST or DATABASE_URL contains one of them",
    )

    _derived: _Derived = PrivateAttr()

    def __init__(self, /, **values: Any) -> None:
        # Written out so that type checkers allow environment names and plain strings for secrets.
        super().__init__(**values)

    @classmethod
    def _derive(cls, draft: Draft) -> _Derived | None:
        values = draft.values
        url = values.get("database_url")
        hosts = {
            "MYSQL_HOST": values.get("mysql_host"),
            "DATABASE_URL": url.get_secret_value() if url else None,
        }
        rules = (
            values.get("environment", ""),
            values.get("production_flag", ""),
            hosts,
            values.get("production_hosts", ()),
        )
        production = detect_production(*rules)
        connection = derive_connection(draft, production)
        if values.get("pool_size") == AUTO and draft.is_given("max_overflow"):
            draft.notes.append("DB_MAX_OVERFLOW is ignored, since DB_POOL_SIZE=auto finds both.")
        if not production.active:
            draft.notes += near_misses(*rules)
        if connection is None:
            return None
        url, dialect, tls = connection
        return _Derived(url, dialect, tls, production)

    def _keep(self, derived: Any) -> None:
        self._derived = derived

    @property
    def url(self) -> URL:
        """The database's URL for SQLAlchemy: async driver, no TLS keys in it. It holds the password."""
        return self._derived.url

    @property
    def safe_url(self) -> str:
        """The URL with the password replaced by `***`, fit for a log."""
        return render_safely(self.url)

    @property
    def dialect(self) -> Dialect:
        """Which kind of database this is. MariaDB counts as MySQL."""
        return self._derived.dialect

    @property
    def tls(self) -> TlsSettings | None:
        """How connections are encrypted; None where they are not."""
        return self._derived.tls

    @property
    def production(self) -> Production:
        """Whether this is production, and why."""
        return self._derived.production
