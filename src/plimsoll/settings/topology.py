"""How many processes the service is, as the operator declares it: nothing in one process can count the others."""

from plimsoll.settings.base import Settings
from plimsoll.settings.declaration import setting

MOST = 10_000


class TopologySettings(Settings):
    """The deployment: hosts x workers x engines, who else uses the database, and what a rolling deployment adds."""

    lookalike_prefixes = ("DEPLOY_", "WEB_CONC")

    workers: int = setting(
        "WEB_CONCURRENCY", default=1, ge=1, le=256, unit="processes", help="Worker processes on a host"
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
