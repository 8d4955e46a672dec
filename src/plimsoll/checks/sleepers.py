"""Connections that sleep inside a transaction, of either kind of server."""

from plimsoll.capacity.wording import counted
from plimsoll.checks import amounts
from plimsoll.checks.verdict import Change, Found, Passed, UnknownError, Verdict
from plimsoll.server.facts import ServerClient, ServerFacts
from plimsoll.server.privileges import grant_sight

LONGEST_S = 60.0
"""A transaction in which nobody has done anything for a minute is forgotten, not slow: no request of a service takes
so long (REQUEST_TIMEOUT is 45 s unless set)."""

MOST_NAMED = 3
THRESHOLD = (
    "A client that the server has as idle, in a transaction, for more than 60 s: longer than a request may take."
    " An account without the right to see other clients sees only its own; the evidence says so."
)


def sight(server: ServerFacts) -> str:
    """How the account would see what others do, with the statement."""
    account = server.account
    if account is None or not account.user:
        return "Let the account see all clients: PROCESS in MySQL and MariaDB, pg_read_all_stats in PostgreSQL."
    return f"Let an administrator run: {grant_sight(server.dialect, account.user, account.host)}"


def in_sight(server: ServerFacts) -> tuple[ServerClient, ...]:
    """The clients whose state this account may see: PostgreSQL lists those of other roles too, without it."""
    if server.sees_all_clients or server.account is None:
        return server.clients
    return tuple(client for client in server.clients if client.user == server.account.user)


def judge(server: ServerFacts, remedy: str, changes: tuple[Change, ...]) -> Verdict:
    """What the process list tells of transactions in which nothing happens."""
    for key in ("clients", "transactions"):
        if key in server.unread:
            raise UnknownError(f"the list of {key} could not be read: {server.unread[key]}", sight(server))
    whose = "" if server.sees_all_clients else " This account sees its own connections only."
    asleep = [client for client in server.clients if client.state == "idle in transaction"]
    long = sorted((client for client in asleep if (client.seconds or 0) > LONGEST_S), key=lambda c: -(c.seconds or 0))
    if not long:
        others, waits = counted(len(in_sight(server)), "other connection"), amounts.time(LONGEST_S)
        return Passed(f"{others}, {len(asleep)} idle in a transaction, none of those for more than {waits}.{whose}")
    named = "; ".join(
        f"id {client.id} of {client.user}{f' ({client.application})' if client.application else ''}"
        f" for {amounts.time(client.seconds or 0)}"
        for client in long[:MOST_NAMED]
    )
    more = f"; and {len(long) - MOST_NAMED} more" if len(long) > MOST_NAMED else ""
    return Found(
        evidence=f"{counted(len(long), 'connection')} idle in a transaction: {named}{more}.{whose}",
        fix=remedy.format(id=long[0].id),
        changes=changes,
        numbers={"sleepers": float(len(long)), "longest_s": long[0].seconds or 0.0},
    )
