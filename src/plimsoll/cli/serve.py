"""`plimsoll serve`: runs the application under uvicorn, with Plimsoll's log lines shown."""

import copy
import errno
import logging
import re
import signal
import socket
import sys
from time import monotonic
from typing import Any, Literal

import typer
import uvicorn
from uvicorn.config import LOGGING_CONFIG, STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from plimsoll.asgi.signals import REPEATED_S
from plimsoll.cli import json_lines
from plimsoll.cli.target import Named, Target, service_of
from plimsoll.errors import CommandError
from plimsoll.settings import Problem, ServiceSettings, SettingsError, TopologySettings, read_settings, setting

UNPRIVILEGED_PORT = 1024

ROLL_BACK_S = 5
"""uvicorn cancels requests so much later than SHUTDOWN_TIMEOUT says, where any are left: the application's own end of
them, which answers 503 and rolls back, comes first."""

JOIN_S = 0.1
"""How often the parent of the workers looks for a second signal, while it waits for each."""

_OUR_ERROR = re.compile(r"^plimsoll\.[\w.]+Error: .*\[PLE\d+\]\s*\Z", re.MULTILINE | re.DOTALL)
"""How Starlette's text of a traceback ends where start-up raised an error of ours."""


WORKER_SILENT_S = 15
"""A worker that does not answer its supervisor for so long is replaced. uvicorn's own 5 s end, over and over, workers
that only take longer to start on a small or busy host. Not longer, since one that has ended is noticed as late."""


class ServeSettings(TopologySettings):
    """Where the service listens, and with how many processes."""

    host: str = setting("HOST", default="127.0.0.1", help="Address to listen on; 0.0.0.0 for every interface.")
    port: int = setting("PORT", default=8000, ge=1, le=65535, help="Port to listen on.")
    log_format: Literal["text", "json"] = setting(
        "LOG_FORMAT", default="text", help="Lines for people, or JSON objects with the request's id for programs"
    )


def serve(context: typer.Context) -> None:
    """Serve the application. HOST, PORT and WEB_CONCURRENCY say where and with how many processes."""
    named: Named = context.obj
    target = named.demand()
    settings = read_with_application(target)
    _try_address(settings.host, settings.port)
    if settings.log_format == "json":
        json_lines.begin()
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{host}:{settings.port}"
    places = f"API: {url}/docs, health: {url}/health/ready{f', console: {url}/ops/' if _has_console(target) else ''}"
    typer.echo(f"Serving {target.name} at {url} ({places}). Stop with Ctrl+C.")
    sys.stdout.flush()
    # uvicorn ends in good order and then raises the signal again, which would end us as if killed by it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if settings.workers > 1:
        _serve_with_workers(target, settings)
    else:
        uvicorn.run(target.name, **_options(target, settings))


class Workers(Multiprocess):
    """uvicorn's supervisor, which also passes a second signal on, while its workers finish."""

    def join_all(self) -> None:
        """Wait for the workers' end."""
        self.signal_queue.clear()
        told_s, passed_on = monotonic(), False
        while any(process.process.is_alive() for process in self.processes):
            for process in self.processes:
                process.process.join(JOIN_S)
            again = signal.SIGINT in self.signal_queue or signal.SIGTERM in self.signal_queue
            # Not sooner: a worker would take it for the first one, which came twice.
            if again and not passed_on and monotonic() - told_s > REPEATED_S:
                passed_on = True
                for process in self.processes:
                    process.process.terminate()


def _serve_with_workers(target: Target, settings: ServeSettings) -> None:
    """As `uvicorn.run` does it, whose exit status is 0 also where the workers could not start."""
    config = uvicorn.Config(target.name, workers=settings.workers, **_options(target, settings))
    supervisor = Workers(config, sockets=[config.bind_socket()])
    supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        sys.exit(STARTUP_FAILURE)


def _options(target: Target, settings: ServeSettings) -> dict[str, Any]:
    return {
        "host": settings.host,
        "port": settings.port,
        "timeout_graceful_shutdown": _shutdown_timeout_s(target) + ROLL_BACK_S,
        "timeout_worker_healthcheck": WORKER_SILENT_S,
        "log_config": _logging(target, settings.log_format),
    }


def _shutdown_timeout_s(target: Target) -> int:
    """As the application was installed with it, else from the environment."""
    _, groups = target.load()
    return (service_of(groups) or ServiceSettings.from_env()).shutdown_timeout_s


def _has_console(target: Target) -> bool:
    """Whether there is one for anybody: in production for whoever has a token."""
    database, groups = target.load()
    service = service_of(groups)
    if service is None:
        return False
    has_token = service.ops_token is not None or service.ops_read_token is not None
    return has_token or not database.settings.production.active


def read_with_application(target: Target) -> ServeSettings:
    """These settings, with the application imported, so that what is wrong with either is said at once.

    Raises:
        SettingsError: settings are wrong; it lists those of the application too.
        CommandError: the application cannot be imported.
    """
    problems: list[Problem] = []
    try:
        target.load()
    except SettingsError as error:
        problems += error.problems
    try:
        (settings,) = read_settings(ServeSettings)
    except SettingsError as error:
        problems += error.problems
    else:
        if not problems:
            return settings
    raise SettingsError(dict.fromkeys(problems))


def _try_address(host: str, port: int) -> None:
    """Bind once and let go: uvicorn would find out only after start-up, and say it in its log."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise CommandError(f"Cannot listen on {host}, port {port}: {_reason(error, port)}") from error


def _reason(error: OSError, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program does. End that one ('ss -ltnp' names it), or set PORT to another number."
    if error.errno == errno.EACCES and port < UNPRIVILEGED_PORT:
        return f"ports below {UNPRIVILEGED_PORT} are for root. Set PORT to a higher number, behind a web server."
    return f"{error.strerror or error}. Set HOST to an address of this machine, or to 0.0.0.0 for all of them."


def _logging(target: Target, log_format: str) -> dict[str, Any]:
    """uvicorn's own configuration, with the loggers of Plimsoll and of the application's package beside its."""
    config = copy.deepcopy(LOGGING_CONFIG)
    for package in ("plimsoll", target.name.partition(":")[0].partition(".")[0]):
        config["loggers"][package] = {"handlers": ["default"], "level": "INFO", "propagate": False}
    config["filters"] = {"explained": {"()": f"{__name__}.Unexplained"}}
    config["handlers"]["default"]["filters"] = ["explained"]
    if log_format == "json":
        config["formatters"] = {name: {"()": "plimsoll.cli.json_lines.formatter"} for name in config["formatters"]}
        # The streams themselves, since what is printed is made into lines of its own.
        for name, stream in (("default", "stderr"), ("access", "stdout")):
            config["handlers"][name]["stream"] = f"ext://sys.__{stream}__"
        # All other loggers, which would print lines for people.
        config["root"] = {"handlers": ["default"], "level": "WARNING"}
    return config


class Unexplained(logging.Filter):
    """Leaves out the traceback of a start-up that failed with an error of ours: one sentence has said it all."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        message = record.getMessage()
        return not (message.startswith("Traceback ") and _OUR_ERROR.search(message))
