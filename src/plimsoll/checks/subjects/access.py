"""PL010 to PL014: the database answers, lets the account in, and has given it neither too much nor too little."""

from plimsoll.capacity.wording import counted
from plimsoll.checks.check import BOTH, Check
from plimsoll.checks.facts import ContactFacts, Facts
from plimsoll.checks.verdict import (
    Change,
    CouldNot,
    Found,
    IrrelevantError,
    Level,
    Passed,
    UnknownError,
    Verdict,
)
from plimsoll.server.facts import Account, ServerFacts
from plimsoll.server.privileges import (
    Privileges,
    give_tables,
    grant_on_database,
    grant_powers,
    needed,
    revoke_powers,
)
from plimsoll.server.tls_faults import ADVICE as TLS_ADVICE

DANGEROUS = frozenset(
    {
        "ALL PRIVILEGES",
        "BYPASSRLS",
        "CREATE USER",
        "CREATEROLE",
        "FILE",
        "GRANT OPTION",
        "PG_EXECUTE_SERVER_PROGRAM",
        "PG_READ_ALL_DATA",
        "PG_READ_SERVER_FILES",
        "PG_WRITE_ALL_DATA",
        "PG_WRITE_SERVER_FILES",
        "PROXY",
        "SHUTDOWN",
        "SUPER",
        "SUPERUSER",
    }
)
"""Powers that reach everybody's data, the server's files, or every other power (manuals of MariaDB and PostgreSQL)."""

TAGS = frozenset({"access"})
ADMINISTRATOR = "an administrator of the server"

NOT_REACHED = (
    "See that the server runs, listens on this address and is let through to; 'plimsoll settings' shows where host and "
    "port were read."
)
NOT_OPENED = (
    "See what is at that path: it must be a file of SQLite's that this account may read and write, in a directory that "
    "it may enter; 'plimsoll settings' shows where the path was read."
)

FULL = (
    "The server runs, and all connections that it or this account may have are taken. See who holds them: 'plimsoll "
    "who --url URL', or as an administrator SHOW PROCESSLIST (PostgreSQL: SELECT * FROM pg_stat_activity). Then fit "
    "the pools to the limit; 'plimsoll capacity --offline --max-connections NUMBER' reckons without the server."
)
ADVICE = {"tls": TLS_ADVICE, "full": FULL}


def _reached(facts: Facts) -> Verdict:
    contact = facts.contact.value
    if contact.outcome == "missing":
        return Found(f"{contact.where}: {contact.words}", "Make it.", (Change("shell", "plimsoll migrate"),))
    if contact.outcome == "down":
        return Found(
            f"{contact.where}: {contact.words} (after {contact.within_s:.1f} s)",
            ADVICE.get(contact.cause) or (NOT_OPENED if contact.where.startswith("sqlite") else NOT_REACHED),
        )
    return Passed(f"{contact.where} answered within {contact.within_s * 1000:.0f} ms")


def _let_in(facts: Facts) -> Verdict:
    contact = _answered(facts)
    if contact.outcome == "refused":
        return Found(
            f"{contact.where}: {contact.words}",
            "Correct user, password or the database's name; 'plimsoll settings' shows where each was read.",
        )
    return Passed(f"{contact.where} lets the account in")


def _answered(facts: Facts) -> ContactFacts:
    contact = facts.contact.value
    if contact.outcome in ("down", "missing"):
        raise UnknownError("the database could not be reached", "See PL010.")
    return contact


def _account(server: ServerFacts) -> Account:
    if server.dialect == "sqlite":
        raise IrrelevantError("SQLite has no accounts")
    if server.account is None:
        raise UnknownError(f"the account could not be read: {server.unread.get('account', 'the server does not tell')}")
    return server.account


def _not_too_many(facts: Facts) -> Verdict:
    server = facts.server.value
    account = _account(server)
    who = f"{account.user}@{account.host}" if account.host else account.user
    if not account.powers:
        if "grants" in server.unread:
            return CouldNot(f"the privileges of {who} could not be read: {server.unread['grants']}")
        return Passed(f"{who} has no privilege beyond its database")
    dangerous = any(_is_dangerous(power) for power in account.powers)
    return Found(
        f"{who} has {', '.join(sorted(account.powers))}",
        "Let the service use an account that has its own database and nothing else.",
        tuple(_lessen(facts, server, account)),
        level=Level.ERROR if dangerous else None,
        numbers={"powers": len(account.powers)},
    )


def _is_dangerous(power: str) -> bool:
    """Also where it must be taken first (`SUPERUSER BY SET ROLE admin`), or is one on the server's own tables."""
    return power.partition(" BY ")[0] in DANGEROUS or " ON " in power


def _lessen(facts: Facts, server: ServerFacts, account: Account) -> list[Change]:
    """First what the service needs, which may have come by the powers alone."""
    privileges = facts.privileges.value if facts.privileges.known else Privileges()
    keep = grant_on_database(
        server.dialect, _place(server, privileges), account.user, account.host, needed(server.dialect)
    )
    take = revoke_powers(server.dialect, account.user, account.host, account.powers)
    back = grant_powers(server.dialect, account.user, account.host, account.powers)
    risk = "Other programs that use this account lose these powers too."
    return [
        Change("sql", keep, privilege=ADMINISTRATOR),
        Change("sql", take, undo=back, privilege=ADMINISTRATOR, risk=risk),
    ]


def _enough_for_data(facts: Facts) -> Verdict:
    return _enough(facts, "data", "reading and writing data")


def _enough_for_migrations(facts: Facts) -> Verdict:
    if facts.app.known and not facts.app.value.has_migrations:
        raise IrrelevantError("the application has no migrations")
    if facts.privileges.value.foreign_tables:
        return _of_others(facts.server.value, facts.privileges.value)
    return _enough(facts, "schema", "migrations")


def _of_others(server: ServerFacts, privileges: Privileges) -> Verdict:
    account, tables = _account(server), privileges.foreign_tables
    shown = ", ".join(tables[:5]) + (f" and {len(tables) - 5} more" if len(tables) > 5 else "")
    belong = counted(len(tables), "table belongs", "tables belong")
    lacks = f"; {account.user} lacks {', '.join(privileges.schema)} on the schema, too" if privileges.schema else ""
    alter = Change(
        "sql",
        give_tables(privileges, account.user),
        privilege=ADMINISTRATOR,
        risk="This account can then drop these tables as well; as a member of a role, all that the role owns.",
    )
    return Found(
        f"{belong} to another role ({shown}), and only an owner may alter one{lacks}",
        "Let the owner run 'plimsoll migrate', which is the better way; or let this account alter them as well.",
        (*([_grant(server, account, privileges, privileges.schema)] if privileges.schema else []), alter),
    )


def _enough(facts: Facts, kind: str, purpose: str) -> Verdict:
    server, privileges = facts.server.value, facts.privileges.value
    account = _account(server)
    missing: tuple[str, ...] = getattr(privileges, kind)
    if not missing:
        return Passed(f"{account.user} has all that is needed for {purpose}")
    if privileges.unclear:
        return CouldNot(f"{account.user} seems to lack {', '.join(missing)}, but {privileges.unclear}")
    return Found(
        f"{account.user} lacks {', '.join(missing)} on {_named(server, privileges)}",
        "Let an administrator grant them.",
        (_grant(server, account, privileges, missing),),
    )


def _named(server: ServerFacts, privileges: Privileges) -> str:
    database = server.database or "the database"
    return f"the schema {privileges.schema_name} of {database}" if privileges.schema_name else database


def _place(server: ServerFacts, privileges: Privileges) -> str:
    """What is granted on: PostgreSQL grants on a schema, where the others have the database alone."""
    if server.dialect == "postgresql":
        return privileges.schema_name or "public"
    return server.database or "DATABASE"


def _grant(server: ServerFacts, account: Account, privileges: Privileges, missing: tuple[str, ...]) -> Change:
    place = _place(server, privileges)
    text = grant_on_database(server.dialect, place, account.user, account.host, missing)
    return Change("sql", text, privilege=ADMINISTRATOR)


CHECKS: tuple[Check, ...] = (
    Check(
        "PL010",
        "The database cannot be reached",
        Level.CRITICAL,
        TAGS,
        "The service waits for the database at start and ends if it does not come; nothing about it could be checked.",
        """\
One connection is made as the service makes it: driver, TLS and account as the settings say. It may take
`DB_CONNECT_TIMEOUT`, and no longer than `--timeout` (5 s). No answer, or an address that does not exist, is this
finding; a server that answers and refuses is [PL011](PL011.md). A SQLite file that does not exist yet is this one too:
it is not made here. So is a certificate that is not accepted, and a server that offers no TLS although
`DB_SSL_MODE` demands it: then nothing is asked over the connection. And so is one that is full: its words are shown,
and what to do is another.
""",
        _reached,
        BOTH,
    ),
    Check(
        "PL011",
        "The database refuses the account",
        Level.CRITICAL,
        TAGS,
        "The service does not start; waiting does not help.",
        """\
The server answered and did not let the account in: wrong user or password, a database that does not exist or is not
for this account, a host that the account may not come from, TLS that the server demands. Its own words are shown.
""",
        _let_in,
        BOTH,
    ),
    Check(
        "PL012",
        "The account has more privileges than a service needs",
        Level.WARNING,
        TAGS | {"secrets"},
        "Whoever gets hold of the service, or of its password, reaches further than its own data.",
        """\
Privileges that reach beyond the service's own database: those given on all databases, on the server's own tables, the
right to give privileges on, and in PostgreSQL the attributes and built-in roles of the kind, also those that a role
may be taken for by `SET ROLE`. ALL, SUPER, SUPERUSER, FILE, SHUTDOWN, PROXY, BYPASSRLS, those that make accounts or
give privileges on, and those that read or write everybody's data or the server's files are an error, the others a
warning.

PROCESS in MariaDB and MySQL, or membership in pg_monitor in PostgreSQL, lets `plimsoll check` see every client of the
server. Give it to an account of its own for that, or suppress this check with that reason.
""",
        _not_too_many,
    ),
    Check(
        "PL013",
        "The account may not read or write its data",
        Level.ERROR,
        TAGS,
        "Requests that need what is missing fail.",
        """\
SELECT, INSERT, UPDATE and DELETE on the service's database: in MariaDB and MySQL by what the account was given on all
databases and on this one; in PostgreSQL on every table of the schema (`has_table_privilege`), and USAGE on each
sequence that a column's default counts with, without which no row can be added. Where privileges come table by table
or by a role in MariaDB and MySQL, the check does not add them up and says that it could not tell.

Suppress it for a service that only reads.
""",
        _enough_for_data,
    ),
    Check(
        "PL014",
        "The account may not migrate",
        Level.WARNING,
        TAGS | {"schema"},
        "'plimsoll migrate' with this account fails at the first revision that needs what is missing.",
        """\
MariaDB and MySQL: CREATE, ALTER, INDEX, DROP and REFERENCES on the service's database. PostgreSQL: CREATE on the
schema, and the ownership of the tables, without which none can be altered.

Suppress it where migrations are run with another account, which is the better way.
""",
        _enough_for_migrations,
    ),
)
