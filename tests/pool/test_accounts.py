"""What the pool tells of each user: how long it waited for a connection and held one, what it sent, what came back."""

import asyncio
import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from plimsoll.errors import StatementTimeoutError
from plimsoll.pool import OWNER, WORK, Account
from tests.pool.conftest import SERVERS, SLEEP, assert_balanced, engine_on, pool_of
from tests.servers import TestDatabase


@pytest.fixture(params=[*SERVERS, "aiosqlite"])
def driver(request: pytest.FixtureRequest) -> str:
    """Each driver."""
    return str(request.param)


@pytest.fixture
def database(driver: str, request: pytest.FixtureRequest) -> TestDatabase:
    """With one table."""
    found: TestDatabase = request.getfixturevalue(f"{SERVERS.get(driver, 'sqlite')}_database")
    found.sql("CREATE TABLE note (name VARCHAR(50) UNIQUE)")
    return found


@dataclass
class Book:
    """An `Account` that writes all down."""

    waits: list[float] = field(default_factory=list)
    uses: list[float] = field(default_factory=list)
    statements: list[tuple[str, int, bool]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    fetched_rows: int = 0
    fetched_of: set[str] = field(default_factory=set)

    def waited(self, seconds: float) -> None:
        """As it was told."""
        self.waits.append(seconds)

    def held(self, seconds: float) -> None:
        """As it was told."""
        self.uses.append(seconds)

    def ran(self, statement: str, seconds: float, rows: int, failed: bool) -> None:
        """As it was told."""
        self.statements.append((statement, rows, failed))
        self.seconds.append(seconds)

    def fetched(self, statement: str, seconds: float, rows: int) -> None:
        """As it was told."""
        assert seconds >= 0
        self.fetched_of.add(statement)
        self.fetched_rows += rows


class Request:
    """A `Work` with a book."""

    committing = 0
    deadline_s: float | None = None
    name = ""

    def __init__(self, book: Account) -> None:
        self._book = book

    def asks_for_connection(self) -> None:
        """Nothing follows from it."""

    def account(self) -> Account:
        """The book."""
        return self._book


@contextmanager
def working(book: Account) -> Iterator[None]:
    """What is done within is a request's."""
    token = WORK.set(Request(book))
    try:
        yield
    finally:
        WORK.reset(token)


async def test_a_request_is_told_of_its_statements_and_their_rows(driver: str, database: TestDatabase) -> None:
    """Rows that came, rows that were changed, and errors; texts as they were sent, without their parameters."""
    book = Book()
    async with engine_on(database.url_for(driver)) as engine:
        with working(book):
            async with engine.begin() as connection:
                await connection.execute(
                    text("INSERT INTO note VALUES (:a), (:b), (:c)"), {"a": "x", "b": "a secret", "c": "z"}
                )
                await connection.execute(text("UPDATE note SET name = 'y' WHERE name = :name"), {"name": "x"})
            async with engine.connect() as connection:
                assert len((await connection.execute(text("SELECT name FROM note"))).all()) == 3
                with pytest.raises(DBAPIError):
                    await connection.execute(text("INSERT INTO note VALUES ('y')"))
            await asyncio.sleep(0.05)
        assert [(words.split()[0], rows, failed) for words, rows, failed in book.statements] == [
            ("INSERT", 3, False),
            ("UPDATE", 1, False),
            ("SELECT", 3, False),
            ("INSERT", 0, True),
        ]
        assert "a secret" not in str(book.statements)
        assert all(seconds > 0 for seconds in book.seconds)
        assert (len(book.waits), len(book.uses)) == (2, 2)
        assert all(used > 0 for used in book.uses)
        assert sum(book.seconds) <= sum(book.uses)
        assert_balanced(pool_of(engine))


async def test_rows_that_come_in_pieces_are_counted_as_they_come(driver: str, database: TestDatabase) -> None:
    """Of a stream that is left before its end, too."""
    book = Book()
    async with engine_on(database.url_for(driver)) as engine:
        async with engine.begin() as connection:
            await connection.execute(text("INSERT INTO note VALUES (:name)"), [{"name": f"{n}"} for n in range(30)])
        with working(book):
            async with engine.connect() as connection, connection.stream(text("SELECT name FROM note")) as result:
                assert len(await result.fetchmany(10)) == 10
                assert await result.fetchone() is not None
                assert book.fetched_rows + book.statements[0][1] >= 11
                assert len(await result.fetchall()) == 19
        assert [words for words, _rows, _failed in book.statements] == ["SELECT name FROM note"]
        assert book.fetched_rows + book.statements[0][1] == 30
        assert book.fetched_of <= {"SELECT name FROM note"}


@pytest.mark.parametrize("driver", list(SERVERS), indirect=True)
@pytest.mark.parametrize("how", ["given up", "cancelled"])
async def test_a_statement_without_an_answer_is_told_of_with_its_time(
    driver: str, database: TestDatabase, how: str
) -> None:
    """It is the one that an operator looks for."""
    book = Book()
    async with engine_on(database.url_for(driver), statement_timeout_s=0.3 if how == "given up" else 30.0) as engine:
        with working(book):
            async with engine.connect() as connection:
                sleep = connection.execute(text(SLEEP[database.dialect].format(20)))
                if how == "given up":
                    with pytest.raises(StatementTimeoutError):
                        await sleep
                else:
                    with pytest.raises(TimeoutError):
                        await asyncio.wait_for(sleep, 0.3)
        ((words, rows, failed),) = book.statements
        assert (words, rows, failed) == (SLEEP[database.dialect].format(20), 0, True)
        assert 0.25 < book.seconds[0] < 15
        assert len(book.uses) == 1


async def test_waits_are_told_of_also_those_in_vain(driver: str, database: TestDatabase) -> None:
    """Whoever waited until the pool's time was up has waited longest of all."""
    held, first, second = Book(), Book(), Book()

    async def ask(book: Book) -> None:
        with working(book):
            async with engine.connect():
                pass

    async with engine_on(database.url_for(driver), size=1, pool_timeout=0.3) as engine:
        with working(held):
            async with engine.connect():
                with pytest.raises(PoolTimeout):
                    await ask(first)
                pool_of(engine)._line.timeout_s = 60
                waiting = asyncio.create_task(ask(second))
                await asyncio.sleep(0.1)
        await waiting
        assert 0.25 < first.waits[0] < 15
        assert 0.05 < second.waits[0] < 15
        assert (len(held.waits), len(held.uses), len(first.uses), len(second.uses)) == (1, 1, 0, 1)
        assert held.uses[0] > 0.35
        assert_balanced(pool_of(engine))


async def test_what_is_no_request_is_told_of_by_its_owner(driver: str, database: TestDatabase) -> None:
    """Also in the pool that follows after `dispose`; with nobody to tell, and with one who fails, it works as well."""
    books: dict[str, Book] = {}

    def refuse(_owner: str) -> Account:
        return Failing()

    async with engine_on(database.url_for(driver)) as engine:
        pool_of(engine).numbers.accounts = lambda owner: books.setdefault(owner, Book())
        for owner in ("", "job", "job"):
            token = OWNER.set(owner)
            async with engine.connect() as connection:
                await connection.execute(text("SELECT name FROM note"))
            OWNER.reset(token)
            await engine.dispose()
        assert {owner: len(book.statements) for owner, book in books.items()} == {"": 1, "job": 2}
        assert {owner: len(book.uses) for owner, book in books.items()} == {"": 1, "job": 2}
        for accounts in (refuse, None):
            pool_of(engine).numbers.accounts = accounts
            async with engine.connect() as connection:
                await connection.execute(text("SELECT name FROM note"))
        assert_balanced(pool_of(engine))


class Failing(Book):
    """An account in trouble."""

    def waited(self, seconds: float) -> None:
        """Fails."""
        raise LookupError("on purpose")

    def ran(self, statement: str, seconds: float, rows: int, failed: bool) -> None:
        """Fails."""
        raise LookupError("on purpose")


async def test_a_connection_does_not_keep_the_request_that_took_it(driver: str, database: TestDatabase) -> None:
    """Else one that was lost would never be found: its request would have it, and the pool the request."""
    async with engine_on(database.url_for(driver)) as engine:
        async with engine.connect():  # the event loop keeps the context in which a connection was opened
            pass
        request = Request(Book())
        token = WORK.set(request)
        connection = await engine.connect()
        WORK.reset(token)
        gone = weakref.ref(request)
        del request, token
        gc.collect()
        assert gone() is None
        await connection.close()
