"""`plimsoll serve`: runs the application under uvicorn, with Plimsoll's log lines shown."""

import copy
import sys
from typing import Any

import typer
import uvicorn
from uvicorn.config import LOGGING_CONFIG

from plimsoll.cli.target import Named
from plimsoll.settings import Settings, read_settings, setting


class ServeSettings(Settings):
    """Where the service listens, and with how many processes."""

    host: str = setting("HOST", default="127.0.0.1", help="Address to listen on; 0.0.0.0 for every interface.")
    port: int = setting("PORT", default=8000, ge=1, le=65535, help="Port to listen on.")
    workers: int = setting("WEB_CONCURRENCY", default=1, ge=1, le=256, unit="processes", help="Worker processes.")


def serve(context: typer.Context) -> None:
    """Serve the application. HOST, PORT and WEB_CONCURRENCY say where and with how many processes."""
    named: Named = context.obj
    target = named.demand()
    (settings,) = read_settings(ServeSettings)
    target.load()  # a wrong setting or name is explained here, once, and not by every worker
    url = f"http://{settings.host}:{settings.port}"
    typer.echo(f"Serving {target.name} at {url} (API: {url}/docs, health: {url}/health/ready). Stop with Ctrl+C.")
    sys.stdout.flush()
    uvicorn.run(
        target.name,
        app_dir=str(target.directory),
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        log_config=_logging(),
    )


def _logging() -> dict[str, Any]:
    """uvicorn's own configuration, with Plimsoll's loggers beside its."""
    config = copy.deepcopy(LOGGING_CONFIG)
    config["loggers"]["plimsoll"] = {"handlers": ["default"], "level": "INFO"}
    return config
