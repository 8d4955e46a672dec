"""The good deployment, made anew for each breakage on servers that all of them share."""

import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from shutil import copytree, rmtree

import pytest

from tests.checks.breakages.deployment import ENV, PASSWORD, Deployment, copy_schema, make_home, narrow
from tests.checks.breakages.servers import careful_mariadb, careful_postgres
from tests.cli.conftest import Ended, plimsoll
from tests.servers import MariaDbServer, PostgresServer, RunningCommand, TestDatabase

__all__ = ["plimsoll"]

Make = Callable[[str], Deployment]


@pytest.fixture(scope="module")
def careful_servers(_end_servers: None) -> Iterator[Callable[[str], MariaDbServer | PostgresServer]]:
    """Servers set up with care, by kind; started when they are asked for."""
    with ExitStack() as stack:
        started: dict[str, MariaDbServer | PostgresServer] = {}

        def server(kind: str) -> MariaDbServer | PostgresServer:
            if kind not in started:
                made: MariaDbServer | PostgresServer = careful_mariadb() if kind == "mariadb" else careful_postgres()
                stack.enter_context(made)
                started[kind] = made
            found = started[kind]
            found.heal()
            if isinstance(found, MariaDbServer):
                # Services of tests before this one were killed: their connections count as aborted (PL806).
                found.sql("FLUSH STATUS")
            return found

        yield server


@pytest.fixture(scope="module", autouse=True)
def _short_collections() -> Iterator[None]:
    """The command collects garbage to count engines: a second each time, with all that a test run has in memory."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="module")
def home_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository of a deployment, copied for each test."""
    return make_home(tmp_path_factory.mktemp("deployment") / "venues")


@pytest.fixture(scope="module")
def schema_templates(careful_servers: object) -> dict[str, TestDatabase]:
    """By kind of server: a database that migrations have made once, to be copied. It goes with the server."""
    return {}


@pytest.fixture
def make_deployment(
    careful_servers: Callable[[str], MariaDbServer | PostgresServer],
    home_template: Path,
    tmp_path: Path,
    plimsoll: Callable[..., Ended],
    start_command: Callable[..., RunningCommand],
    monkeypatch: pytest.MonkeyPatch,
    schema_templates: dict[str, TestDatabase],
) -> Iterator[Make]:
    """Make the good deployment on a server of a kind: `make_deployment("mariadb")`."""
    made: list[Deployment] = []
    monkeypatch.setenv("PLIMSOLL_NEW_PASSWORD", PASSWORD)

    def make(kind: str) -> Deployment:
        home = copytree(home_template, tmp_path / "venues")
        database = careful_servers(kind).create_database("venues")
        narrow(database)
        deployment = Deployment(home, database, plimsoll, start_command)
        deployment.set(DATABASE_URL=database.url, **ENV)
        template = schema_templates.get(kind)
        if template is not None:
            copy_schema(template, database)
        else:
            deployment.prepare()
        if template is None and kind == "mariadb":
            schema_templates[kind] = database
            rmtree(home)
            return make(kind)
        made.append(deployment)
        return deployment

    yield make
    for deployment in made:
        deployment.close()
        server = deployment.database.server
        assert server is not None
        server.heal()
        deployment.database.drop()
