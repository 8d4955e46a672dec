"""What a real PostgreSQL tells of itself: to a superuser, and to a role that may only read its own tables."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import make_url

from plimsoll.server import read_facts
from tests.server.asking import connected, facts_of, url_as
from tests.server.pooler import Pooler, postgres_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.servers import FaultProxy, PostgresServer, TestDatabase

PASSWORD = "Reader-secret-1"


def _role(database: TestDatabase, prefix: str, options: str, driver: str) -> Iterator[str]:
    name = f"{prefix}_{database.name}"
    database.sql(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}' {options}")
    yield url_as(database, name, PASSWORD, driver)
    database.sql(f"DROP OWNED BY {name}")
    database.sql(f"DROP ROLE {name}")


@pytest.fixture
def reader(postgres_database: TestDatabase, postgres_driver: str) -> Iterator[str]:
    """URL of a role that may only SELECT in its own database."""
    postgres_database.sql("CREATE TABLE items (id INT PRIMARY KEY)")
    for url in _role(postgres_database, "r", "", postgres_driver):
        postgres_database.sql(f"GRANT SELECT ON items TO r_{postgres_database.name}")
        yield url


@pytest.fixture
def powerful(postgres_database: TestDatabase, postgres_driver: str) -> Iterator[str]:
    """URL of a superuser."""
    yield from _role(postgres_database, "p", "SUPERUSER", postgres_driver)


async def test_the_superuser_is_told_everything(powerful: str, postgres_database: TestDatabase) -> None:
    """Nothing is left unread, and no limit of connections holds for it."""
    facts = await facts_of(powerful)
    assert facts.unread == {}
    assert (facts.dialect, facts.flavour, facts.version[0]) == ("postgresql", "postgresql", 15)
    assert facts.max_connections == facts.number("max_connections") == 100
    assert facts.units["shared_buffers"] == "8kB"
    assert (facts.reserved_connections, facts.sees_all_clients) == (0, True)
    assert facts.connections_now is not None
    assert facts.connections_now >= 1
    assert facts.uptime_s is not None
    assert facts.account is not None
    assert "SUPERUSER" in facts.account.powers
    assert (facts.database, facts.charset, facts.collation) == (postgres_database.name, "UTF8", "C.UTF-8")
    assert "deadlocks" in facts.status
    assert facts.status["pg_is_in_recovery"] == "off"
    assert (facts.in_between, facts.tls, facts.is_local) == (None, None, True)


async def test_a_role_that_may_only_read_its_own_tables_is_still_told_most(reader: str) -> None:
    """The state of others' connections is all that is kept from it, and the facts say so."""
    facts = await facts_of(reader)
    assert facts.unread == {}
    assert not facts.sees_all_clients
    assert facts.reserved_connections == 3
    assert facts.account is not None
    assert (facts.account.powers, facts.account.roles, facts.account.max_connections) == (frozenset(), (), None)


async def test_another_roles_connection_is_seen_without_its_state(reader: str, postgres_database: TestDatabase) -> None:
    """It is there, and its state is not known rather than idle."""
    async with connected(postgres_database.url) as other:
        number = await other.scalar(text("SELECT pg_backend_pid()"))
        facts = await facts_of(reader)
    (found,) = [client for client in facts.clients if client.id == number]
    assert (found.state, found.seconds, found.transaction_s) == ("other", None, None)
    assert (found.user, found.database) == (postgres_database.user, postgres_database.name)


async def test_who_is_in_pg_monitor_sees_everyone(reader: str, postgres_database: TestDatabase) -> None:
    """And that is no power beyond one database."""
    postgres_database.sql(f"GRANT pg_monitor TO r_{postgres_database.name}")
    async with connected(postgres_database.url, application_name="the-shop") as other:
        await other.execute(text("SELECT 1"))
        facts = await facts_of(reader)
    assert facts.sees_all_clients
    assert facts.account is not None
    assert "pg_monitor" in facts.account.roles
    assert facts.account.powers == frozenset()
    (found,) = [client for client in facts.clients if client.application == "the-shop"]
    assert found.state == "idle in transaction"


async def test_what_roles_give_is_among_the_powers(reader: str, postgres_database: TestDatabase) -> None:
    """Predefined roles by their names; attributes, which are not inherited, as what SET ROLE takes."""
    name = postgres_database.name
    postgres_database.sql(f"CREATE ROLE maker_{name} CREATEDB")
    try:
        postgres_database.sql(f"GRANT maker_{name}, pg_read_server_files TO r_{name}")
        account = (await facts_of(reader)).account
        assert account is not None
        assert account.powers == {"PG_READ_SERVER_FILES", f"CREATEDB BY SET ROLE maker_{name}"}
    finally:
        postgres_database.sql(f"DROP ROLE maker_{name}")


async def test_the_lower_of_the_roles_and_the_databases_limit_is_the_accounts(
    reader: str, postgres_database: TestDatabase
) -> None:
    """And its source is named."""
    name = postgres_database.name
    postgres_database.sql(f"ALTER ROLE r_{name} CONNECTION LIMIT 7")
    account = (await facts_of(reader)).account
    assert account is not None
    assert (account.max_connections, account.max_connections_source) == (7, f"CONNECTION LIMIT of the role r_{name}")
    postgres_database.sql(f"ALTER DATABASE {name} CONNECTION LIMIT 5")
    account = (await facts_of(reader)).account
    assert account is not None
    assert (account.max_connections, account.max_connections_source) == (5, f"CONNECTION LIMIT of the database {name}")


async def test_no_limit_holds_for_a_superuser(powerful: str, postgres_database: TestDatabase) -> None:
    """The server does not look at it then."""
    postgres_database.sql(f"ALTER ROLE p_{postgres_database.name} CONNECTION LIMIT 7")
    account = (await facts_of(powerful)).account
    assert account is not None
    assert account.max_connections is None


async def test_a_sleeper_in_a_transaction_shows_with_its_age(powerful: str, postgres_database: TestDatabase) -> None:
    """And the connection that asks is not among the clients."""
    async with connected(postgres_database.url) as sleeper, connected(powerful) as asking:
        number = await sleeper.scalar(text("SELECT pg_backend_pid()"))
        await asyncio.sleep(1.1)
        facts = await read_facts(asking)
        (found,) = [client for client in facts.clients if client.id == number]
        own = await asking.scalar(text("SELECT pg_backend_pid()"))
    assert found.state == "idle in transaction"
    assert found.transaction_s is not None
    assert 1.0 <= found.transaction_s < 30
    assert own not in {client.id for client in facts.clients}


async def test_a_refused_question_spoils_no_other(reader: str, postgres_database: TestDatabase) -> None:
    """An aborted transaction would answer every later one with an error."""
    postgres_database.sql("REVOKE EXECUTE ON FUNCTION pg_postmaster_start_time() FROM PUBLIC")
    postgres_database.sql("REVOKE SELECT ON pg_stat_database FROM PUBLIC")
    async with connected(reader) as connection:
        facts = await read_facts(connection)
        assert not connection.in_transaction()
    assert set(facts.unread) == {"uptime", "status", "connections"}
    assert "permission denied" in facts.unread["uptime"]
    assert facts.uptime_s is None
    assert facts.connections_now is None
    assert facts.status["pg_is_in_recovery"] == "off"
    assert facts.charset == "UTF8"
    assert "PASSWORD" not in repr(dataclasses.asdict(facts))


async def test_our_own_tls_is_told(postgres_tls: PostgresServer, postgres_driver: str) -> None:
    """By its protocol."""
    database = postgres_tls.create_database()
    facts = await facts_of(database.url_for(postgres_driver), ssl_mode="verify-ca", ssl_ca=database.ca)
    assert facts.tls == "TLSv1.3"


async def test_a_pooler_in_between_shows_by_the_number_it_gives(reader: str, postgres_database: TestDatabase) -> None:
    """PgBouncer gives each client a number of its own instead of the server process's."""
    assert postgres_database.port is not None
    async with Pooler(postgres_database.port, postgres_number) as pooler:
        url = make_url(reader).set(port=pooler.port).render_as_string(hide_password=False)
        facts = await facts_of(url)
    assert facts.in_between == "PgBouncer"
    assert not facts.is_local
    assert "pooler" in facts.unread["tls"]


async def test_a_plain_proxy_is_no_pooler_and_makes_the_server_no_neighbour(
    reader: str, postgres_database: TestDatabase, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    """It passes the server's number on; where it leads to is not known, as with a tunnel."""
    assert postgres_database.port is not None
    url = make_url(reader).set(port=fault_proxy(postgres_database.port).port).render_as_string(hide_password=False)
    facts = await facts_of(url)
    assert facts.in_between is None
    assert not facts.is_local


async def test_a_server_that_falls_silent_is_given_up_once(
    reader: str, postgres_database: TestDatabase, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    """Every later question would wait as long; each is noted instead."""
    assert postgres_database.port is not None
    proxy = fault_proxy(postgres_database.port)
    url = make_url(reader).set(port=proxy.port).render_as_string(hide_password=False)
    async with connected(url, statement_timeout_s=0.5) as connection:
        proxy.freeze()
        asked: list[str] = []
        event.listen(connection.sync_connection, "before_cursor_execute", lambda *said: asked.append(said[2]))
        facts = await read_facts(connection)
        assert len(asked) == 1
    assert (facts.version, facts.variables, facts.account) == ((), {}, None)
    assert "connection was lost" in facts.unread["variables"]
