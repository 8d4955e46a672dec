"""One open connection as the pool knows it, and the questions that are asked of it without asking the server."""

from dataclasses import dataclass

from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from plimsoll.pool import drivers
from plimsoll.pool.holders import Checkout, Holder, Holders, shortened


@dataclass(slots=True, eq=False)
class Link:
    """What the pool knows of one open connection. Times are the pool's clock."""

    record: ConnectionPoolEntry
    opened_s: float
    age_limit_s: float
    idle_since_s: float
    server_id: int | None = None
    querying: bool = False
    used: bool = False
    """Whether a statement was sent since the last commit or roll-back."""
    must_close: bool = False
    """Whether a statement left something that a roll-back does not take back."""

    @property
    def connection(self) -> DBAPIConnection:
        """SQLAlchemy's adapted connection."""
        connection = self.record.dbapi_connection
        assert connection is not None
        return connection


class Links:
    """All open connections of a pool, by the adapted connection; the `Watcher` of its dialect's statements."""

    def __init__(self, driver: str, holders: Holders) -> None:
        self.driver = driver
        self._holders = holders
        self._by_connection: dict[int, Link] = {}

    def __len__(self) -> int:
        return len(self._by_connection)

    def add(self, connection: DBAPIConnection, link: Link) -> None:
        """A connection was opened."""
        self._by_connection[id(connection)] = link

    def get(self, connection: DBAPIConnection | None) -> Link | None:
        """What is known of it."""
        return self._by_connection.get(id(connection))

    def remove(self, connection: DBAPIConnection) -> Link | None:
        """A connection is closed, or not ours any more."""
        return self._by_connection.pop(id(connection), None)

    def clear(self) -> None:
        """Forget all."""
        self._by_connection.clear()

    def statement_begins(self, connection: DBAPIConnection, statement: str, leaves_state: bool) -> None:
        """From `statements`: something is about to be sent."""
        link = self._by_connection.get(id(connection))
        if link is None:
            return
        link.querying = link.used = True
        link.must_close = link.must_close or leaves_state
        self._holders.statement(link.record, statement)

    def statement_ends(self, connection: DBAPIConnection) -> None:
        """From `statements`: it was answered."""
        link = self._by_connection.get(id(connection))
        if link is not None:
            link.querying = False

    def in_transaction(self, connection: DBAPIConnection) -> bool:
        """From `statements` and for the reset: whether there may be anything to commit or to roll back.

        aiomysql does not keep the status flags that come with rows, so on MySQL a statement since the last end counts
        as well, unless each commits by itself.
        """
        if drivers.in_transaction(connection, self.driver):
            return True
        if self.driver not in drivers.MYSQL:
            return False
        link = self._by_connection.get(id(connection))
        return (link is None or link.used) and not drivers.autocommits(connection, self.driver)

    def transaction_ended(self, connection: DBAPIConnection) -> None:
        """From `statements`: a commit or a roll-back was answered."""
        link = self._by_connection.get(id(connection))
        if link is not None:
            link.used = False

    def who(self) -> list[Holder]:
        """Who holds a connection now, the oldest first."""
        links = {id(link.record): link for link in self._by_connection.values()}
        found = [self._holder(links.get(key), checkout) for key, checkout in self._holders]
        return sorted(found, key=lambda holder: -holder.age_s)

    def _holder(self, link: Link | None, checkout: Checkout) -> Holder:
        return Holder(
            owner=checkout.owner,
            age_s=self._holders.clock() - checkout.since_s,
            state=self.state(link),
            place=checkout.place(),
            statement=shortened(checkout.statement),
            statements=checkout.statements,
            server_id=link.server_id if link else None,
        )

    def state(self, link: Link | None) -> str:
        """What a connection in use does."""
        if link is None:
            return "lost"
        if link.querying:
            return "querying"
        return "idle in transaction" if self.in_transaction(link.connection) else "idle"
