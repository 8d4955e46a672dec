"""What a real MariaDB tells of itself: to an account that may do all, and to one that may only read its own tables."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pymysql
import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import make_url

from plimsoll.server import ServerFacts, read_facts
from tests.server.asking import connected, facts_of, url_as
from tests.server.pooler import Pooler, mysql_number
from tests.servers import MYSQLD, only_mariadb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.servers import FaultProxy, MariaDbServer, TestDatabase

PASSWORD = "Reader-secret-1"
NOT_TOLD = set() if MYSQLD else {"applications"}
"""What needs performance_schema, which MySQL has on by itself."""


@pytest.fixture
def reader(mariadb_database: TestDatabase, mysql_driver: str) -> Iterator[str]:
    """URL of an account that may only SELECT in its own database."""
    database = mariadb_database
    user = f"r_{database.name}"
    database.sql("CREATE TABLE items (id INT PRIMARY KEY) ENGINE=InnoDB")
    database.sql(f"CREATE USER '{user}'@'%' IDENTIFIED BY '{PASSWORD}'")
    database.sql(f"GRANT SELECT ON `{database.name}`.* TO '{user}'@'%'")
    yield url_as(database, user, PASSWORD, mysql_driver)
    database.sql(f"DROP USER '{user}'@'%'")


@pytest.fixture
def powerful(mariadb_database: TestDatabase, mysql_driver: str) -> Iterator[str]:
    """URL of an account that may do all."""
    user = f"p_{mariadb_database.name}"
    mariadb_database.sql(f"CREATE USER '{user}'@'%' IDENTIFIED BY '{PASSWORD}'")
    mariadb_database.sql(f"GRANT ALL ON *.* TO '{user}'@'%' WITH GRANT OPTION")
    yield url_as(mariadb_database, user, PASSWORD, mysql_driver)
    mariadb_database.sql(f"DROP USER '{user}'@'%'")


def everything_in(facts: ServerFacts) -> str:
    return repr(dataclasses.asdict(facts))


async def test_the_powerful_account_is_told_everything(powerful: str, mariadb_database: TestDatabase) -> None:
    """Nothing is left unread but what the server has switched off."""
    mariadb_database.sql("CREATE TABLE items (id INT) ENGINE=MyISAM CHARACTER SET latin1")
    facts = await facts_of(powerful)
    assert set(facts.unread) == NOT_TOLD, facts.unread
    assert all("OFF" in why for why in facts.unread.values())
    assert (facts.dialect, facts.flavour) == ("mysql", "mysql" if MYSQLD else "mariadb")
    assert facts.version[0] > 5
    assert facts.number("max_connections") == facts.max_connections
    assert facts.uptime_s is not None
    assert facts.connections_now is not None
    assert facts.connections_most is not None
    assert 1 <= facts.connections_now <= facts.connections_most
    assert facts.sees_all_clients
    assert facts.account is not None
    assert {"SUPER" if MYSQLD else "ALL PRIVILEGES", "GRANT OPTION"} <= facts.account.powers  # MySQL lists them
    assert (facts.database, facts.charset) == (mariadb_database.name, "utf8mb4")
    assert facts.tables == {"items": {"engine": "MyISAM", "charset": "latin1", "collation": "latin1_swedish_ci"}}
    assert facts.in_between is None
    assert facts.tls is None
    assert facts.is_local
    assert facts.variables["hostname"] == socket.gethostname()


async def test_an_account_that_may_only_read_its_own_tables_is_still_told_most(reader: str) -> None:
    """And what it is not told is named, with the server's words."""
    facts = await facts_of(reader)
    assert set(facts.unread) == {"transactions"} | NOT_TOLD
    assert "PROCESS" in facts.unread["transactions"]
    assert not facts.sees_all_clients
    assert facts.max_connections
    assert facts.number("threads_connected")
    assert facts.account is not None
    assert facts.account.powers == frozenset()
    assert len(facts.account.grants) == 2
    assert list(facts.tables) == ["items"]


@only_mariadb  # the statements; what MySQL tells is among the grants in test_grants.py
async def test_no_password_hash_is_in_the_facts(powerful: str, reader: str, mariadb_database: TestDatabase) -> None:
    """Neither of native passwords nor of a plugin's."""
    user = f"r_{mariadb_database.name}"
    hashed = mariadb_database.sql("SELECT PASSWORD(%s)", PASSWORD)[0][0]
    for url in (powerful, reader):
        found = everything_in(await facts_of(url))
        assert hashed not in found
        assert "IDENTIFIED" not in found
        assert PASSWORD not in found
    mariadb_database.sql(
        f"ALTER USER '{user}'@'%' IDENTIFIED VIA mysql_native_password USING '{hashed}' OR unix_socket"
        " REQUIRE NONE WITH MAX_USER_CONNECTIONS 9"
    )
    facts = await facts_of(reader)
    assert hashed[1:] not in everything_in(facts)
    assert "IDENTIFIED" not in everything_in(facts)
    assert facts.account is not None
    assert facts.account.max_connections == 9


async def test_the_accounts_own_limit_is_seen(reader: str, mariadb_database: TestDatabase) -> None:
    """It goes before the server's for every account, higher or lower."""
    user = f"r_{mariadb_database.name}"
    mariadb_database.sql(f"ALTER USER '{user}'@'%' WITH MAX_USER_CONNECTIONS 7")
    account = (await facts_of(reader)).account
    assert account is not None
    assert (account.max_connections, account.max_connections_source) == (7, "MAX_USER_CONNECTIONS of the account")


async def test_the_servers_limit_for_every_account_is_seen(
    new_mariadb: Callable[..., MariaDbServer], mysql_driver: str
) -> None:
    """Where the account has none of its own."""
    database = new_mariadb(options=("--max-user-connections=12",)).create_database()
    account = (await facts_of(database.url_for(mysql_driver))).account
    assert account is not None
    assert (account.max_connections, account.max_connections_source) == (12, "max_user_connections of the server")


async def test_an_ordinary_account_may_have_all_of_max_connections(new_mariadb: Callable[..., MariaDbServer]) -> None:
    """Nothing of it is reserved: the one for an administrator comes on top."""
    server = new_mariadb(options=("--max-connections=10",))
    database = server.create_database()
    with ExitStack() as held:

        def connect() -> None:
            held.enter_context(
                pymysql.connect(
                    host=server.host, port=server.port, user=database.user, password=database.password or ""
                )
            )

        facts = await facts_of(database.url)
        await asyncio.to_thread(database.wait_connection_count, 0)
        assert (facts.max_connections, facts.reserved_connections) == (10, 0)
        for _ in range(10):
            connect()
        with pytest.raises(pymysql.err.OperationalError, match="Too many connections"):
            connect()
        assert server.sql("SELECT 1")


@pytest.mark.parametrize("zone", ["SYSTEM", "+05:30", "-11:00"])
async def test_a_sleeper_in_a_transaction_shows_with_its_age(
    powerful: str, mariadb_database: TestDatabase, zone: str
) -> None:
    """Whatever time zone the sessions have."""
    mariadb_database.sql("CREATE TABLE items (id INT PRIMARY KEY) ENGINE=InnoDB")
    async with connected(mariadb_database.url) as sleeper, connected(powerful) as asking:
        await sleeper.execute(text("INSERT INTO items VALUES (1)"))
        number = await sleeper.scalar(text("SELECT CONNECTION_ID()"))
        await asyncio.sleep(1.1)
        await asking.exec_driver_sql(f"SET SESSION time_zone = '{zone}'")
        await asking.commit()
        facts = await read_facts(asking)
        (found,) = [client for client in facts.clients if client.id == number]
        assert found.state == "idle in transaction"
        assert found.transaction_s is not None
        assert 1.0 <= found.transaction_s < 30
        assert found.seconds is not None
        assert (found.user, found.database) == (mariadb_database.user, mariadb_database.name)
        own = await asking.scalar(text("SELECT CONNECTION_ID()"))
        assert own not in {client.id for client in facts.clients}


async def test_applications_are_named_where_performance_schema_is_on(
    new_mariadb: Callable[..., MariaDbServer], mysql_driver: str
) -> None:
    """By what each client called itself: an account's own without a privilege, everyone's with one for the table."""
    database = new_mariadb(options=("--performance-schema=ON",)).create_database()
    url = database.url_for(mysql_driver)
    async with connected(url, application_name="the-shop") as connection:
        await connection.execute(text("SELECT 1"))
        own = await facts_of(url)
        database.sql(f"GRANT PROCESS ON *.* TO '{database.user}'@'%'")
        refused = await facts_of(url)
        database.sql(f"GRANT SELECT ON performance_schema.* TO '{database.user}'@'%'")
        everyone = await facts_of(url)
    for facts in (own, refused, everyone):
        assert [client.application for client in facts.clients] == ["the-shop"]
    assert "applications" not in own.unread
    assert "denied" in refused.unread["applications"]
    assert everyone.unread == {}


async def test_our_own_tls_is_told(mariadb_tls: MariaDbServer, mysql_driver: str) -> None:
    """By its protocol."""
    database = mariadb_tls.create_database()
    facts = await facts_of(database.url_for(mysql_driver), ssl_mode="verify-ca", ssl_ca=database.ca)
    assert facts.tls == "TLSv1.3"


async def test_the_sessions_own_variables_are_kept_beside_the_servers(powerful: str) -> None:
    """They may differ, and it is the session's that count for us."""
    async with connected(powerful) as connection:
        await connection.exec_driver_sql("SET SESSION wait_timeout = 77, SESSION sql_mode = ''")
        await connection.commit()
        facts = await read_facts(connection)
    assert facts.number("session.wait_timeout") == 77
    assert facts.number("wait_timeout") == 28800
    assert facts.variables["session.sql_mode"] == ""
    assert "STRICT_TRANS_TABLES" in facts.variables["sql_mode"]
    assert facts.variables["session.transaction_isolation"] == "REPEATABLE-READ"


async def test_roles_are_named_and_what_they_give_is_among_the_powers(
    powerful: str, reader: str, mariadb_database: TestDatabase
) -> None:
    """A role that is in force from the start gives its privileges as if they were the account's."""
    role, user = f"role_{mariadb_database.name}", f"r_{mariadb_database.name}"
    mariadb_database.sql(f"CREATE ROLE {role}")
    try:
        mariadb_database.sql(f"GRANT PROCESS, FILE ON *.* TO {role}")
        mariadb_database.sql(f"GRANT {role} TO '{user}'@'%'")
        of_user = "TO" if MYSQLD else "FOR"
        mariadb_database.sql(f"SET DEFAULT ROLE {role} {of_user} '{user}'@'%'")
        facts = await facts_of(reader)
        assert facts.account is not None
        assert facts.account.roles == (role,)
        assert facts.account.powers == {"PROCESS", "FILE"}
        assert facts.sees_all_clients
    finally:
        mariadb_database.sql(f"DROP ROLE {role}")


async def test_a_proxy_that_gives_its_own_number_shows(reader: str, mariadb_database: TestDatabase) -> None:
    """The number of the handshake is not the one that the server has for us; where the server is, is not known."""
    assert mariadb_database.port is not None
    async with Pooler(mariadb_database.port, mysql_number) as pooler:
        facts = await facts_of(make_url(reader).set(port=pooler.port).render_as_string(hide_password=False))
    assert (facts.in_between, facts.is_local) == ("a proxy", False)


async def test_absurd_values_are_told_as_the_server_has_them(reader: str, mariadb: MariaDbServer) -> None:
    """Judging them is a check's work."""
    mariadb.set_global("max_connections", 99999)
    mariadb.set_global("wait_timeout", 1)
    mariadb.set_global("long_query_time", 31536000)
    facts = await facts_of(reader)
    assert facts.max_connections == 99999
    assert facts.number("wait_timeout") == facts.number("session.wait_timeout") == 1
    assert facts.number("long_query_time") == 31536000


async def test_a_closed_connection_gives_facts_that_know_nothing(reader: str) -> None:
    """And say so; nothing is raised."""
    async with connected(reader) as connection:
        await connection.close()
        facts = await read_facts(connection)
    assert (facts.version, facts.max_connections) == ((), None)
    assert "closed" in facts.unread["version"]


async def test_nothing_stays_open(powerful: str) -> None:
    """The connection is given back without a transaction."""
    async with connected(powerful) as connection:
        await read_facts(connection)
        assert not connection.in_transaction()


async def test_a_server_that_falls_silent_is_given_up_once(
    reader: str, mariadb_database: TestDatabase, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    """Every later question would wait as long; each is noted instead."""
    assert mariadb_database.port is not None
    proxy = fault_proxy(mariadb_database.port)
    url = make_url(reader).set(port=proxy.port).render_as_string(hide_password=False)
    async with connected(url, statement_timeout_s=0.5) as connection:
        proxy.freeze()
        asked: list[str] = []
        event.listen(connection.sync_connection, "before_cursor_execute", lambda *said: asked.append(said[2]))
        facts = await read_facts(connection)
        assert len(asked) == 1
    assert (facts.version, facts.variables, facts.max_connections) == ((), {}, None)
    assert "connection was lost" in facts.unread["variables"]
