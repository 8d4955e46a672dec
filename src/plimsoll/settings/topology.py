"""How many processes the service is, as the operator declares it: nothing in one process can count the others."""

from plimsoll.settings.base import Settings
from plimsoll.settings.declaration import setting

MOST = 10_000
MOST_WORKERS = 256


class TopologySettings(Settings):
    """The deployment: hosts x workers x engines, who else uses the database, and what a rolling deployment adds."""

    lookalike_prefixes = ("DEPLOY_", "WEB_CONC")

    workers: int = setting(
        "WEB_CONCURRENCY", default=1, ge=1, le=MOST_WORKERS, unit="processes", help="Worker processes on a host"
    )
    hosts: int = setting("DEPLOY_HOSTS", default=1, ge=1, le=MOST, unit="hosts", help="Hosts that run the service")
    engines: int = setting(
        "DEPLOY_ENGINES",
        default=1,
        ge=1,
        le=100,
        unit="engines",
        help="Engines with a pool in each process; 'plimsoll check' counts those that the application makes",
    )
    overlap_percent: int = setting(
        "DEPLOY_OVERLAP",
        default=100,
        ge=0,
        le=100,
        unit="%",
        help="Share of the workers that run twice while a deployment replaces them; 0 where old ones end first",
    )
    other_connections: int = setting(
        "DEPLOY_OTHER_CONNECTIONS",
        default=0,
        ge=0,
        le=100_000,
        unit="connections",
        help="Connections that other clients of the same database server take: other services, cron jobs, backups",
    )
    proxy_timeout_s: float = setting(
        "DEPLOY_PROXY_TIMEOUT",
        default=60.0,
        ge=0,
        le=86_400,
        unit="s",
        help="How long the proxy in front waits for a response (nginx and Apache: 60); 0 where there is none",
    )
    database_proxy_idle_s: float = setting(
        "DEPLOY_DB_PROXY_IDLE",
        default=0.0,
        ge=0,
        le=86_400,
        unit="s",
        help="How long a proxy, firewall or NAT on the way to the database keeps an idle connection; 0 for none",
    )
    stop_timeout_s: float = setting(
        "DEPLOY_STOP_TIMEOUT",
        default=90.0,
        ge=0,
        le=86_400,
        unit="s",
        help="How long the service manager waits before it kills (systemd 90, Docker 10, Kubernetes 30); 0 for ever",
    )

    @property
    def processes(self) -> int:
        """Worker processes of the whole deployment."""
        return self.hosts * self.workers

    @property
    def processes_deploying(self) -> int:
        """The same while a deployment replaces them, old and new together."""
        return self.processes + _share(self.processes, self.overlap_percent)

    @property
    def workers_deploying(self) -> int:
        """Worker processes on the host that a deployment is at, old and new together."""
        return self.workers + _share(self.workers, self.overlap_percent)

    @property
    def pools(self) -> int:
        """Pools of the whole deployment: each engine of each process has one."""
        return self.processes * self.engines

    @property
    def pools_deploying(self) -> int:
        """The same while a deployment replaces the processes."""
        return self.processes_deploying * self.engines


def _share(count: int, percent: int) -> int:
    """So many percent of a number, rounded up."""
    return -(-count * percent // 100)
