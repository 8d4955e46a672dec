"""Throw-away servers with TLS: offered, demanded, with the wrong name, with a client's certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.servers import MYSQLD, MariaDbServer, PostgresServer, Tls
from tests.servers.client import REFUSED, connect, fetch

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers import TestDatabase

    NewServer = Callable[..., MariaDbServer | PostgresServer]


def test_tls_is_offered_and_not_demanded_by_default(new_server: NewServer) -> None:
    """A server with TLS takes verified TLS connections and plain ones."""
    database = new_server(tls=Tls()).create_database()
    assert database.ca is not None
    assert fetch(connect(database, tls=True), cipher_query(database))[0][0]
    assert not fetch(connect(database), cipher_query(database))[0][0]


def test_tls_can_be_demanded(new_server: NewServer) -> None:
    """With `required`, a plain connection is refused."""
    database = new_server(tls=Tls(required=True)).create_database()
    with pytest.raises(REFUSED):
        connect(database)
    connect(database, tls=True).close()


def test_a_certificate_for_another_host_is_not_accepted(
    new_server: NewServer,
) -> None:
    """A server may be given a certificate with another name, which a client that checks names refuses."""
    database = new_server(tls=Tls(names=("elsewhere.invalid",))).create_database()
    with pytest.raises(REFUSED, match=r"(?i)certificate|hostname|host name"):
        connect(database, tls=True)


def test_a_client_certificate_can_be_demanded(new_server: NewServer) -> None:
    """With `client_certificate`, only a client that shows one comes in."""
    database = new_server(tls=Tls(client_certificate=True)).create_database()
    with pytest.raises(REFUSED):
        connect(database, tls=True)
    connect(database, tls=True, client_certificate=True).close()


def cipher_query(database: TestDatabase) -> str:
    """SQL that tells whether this connection is encrypted."""
    if database.kind == "mariadb":
        schema = "performance_schema" if MYSQLD else "information_schema"
        return f"SELECT variable_value FROM {schema}.session_status WHERE variable_name = 'Ssl_cipher'"
    return "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
