"""MySQL and MariaDB: character sets, collations and engines of the database and its tables."""

from collections.abc import Mapping

from plimsoll.capacity.wording import counted
from plimsoll.checks.about import about
from plimsoll.checks.answers import server_of
from plimsoll.checks.check import Check
from plimsoll.checks.facts import Facts
from plimsoll.checks.mysql_changes import identifier, listed
from plimsoll.checks.verdict import Change, Found, IrrelevantError, Level, Passed, UnknownError, Verdict
from plimsoll.server.facts import ServerFacts

WHOLE_UNICODE = "utf8mb4"
CUT_UNICODE = frozenset({"utf8", "utf8mb3"})

TRANSACTIONAL = frozenset({"innodb", "rocksdb", "tokudb", "ndbcluster", "spider", "sequence", "partition"})
"""Engines that roll back, and those that only pass on to others or hold no rows."""

PRIVILEGE = "ALTER on the database"


def _tables(server: ServerFacts) -> Mapping[str, Mapping[str, str]]:
    if "tables" in server.unread:
        raise UnknownError(f"the tables could not be read: {server.unread['tables']}")
    if not server.tables:
        raise IrrelevantError("The database has no tables that this account can see yet.")
    return server.tables


def _look_at_charset(facts: Facts) -> Verdict:
    server = server_of(facts, "mysql")
    if not server.charset:
        raise UnknownError(
            f"the database's character set could not be read: {server.unread.get('charset', 'no answer')}"
        )
    tables = {} if "tables" in server.unread else server.tables
    others = {name: table["charset"] for name, table in tables.items() if table.get("charset")}
    wrong = {name: charset for name, charset in others.items() if charset != WHOLE_UNICODE}
    evidence = f"The database has {server.charset}; {len(wrong)} of its {counted(len(others), 'table')} "
    evidence += f"{'has' if len(wrong) == 1 else 'have'} another than utf8mb4"
    evidence += f" ({listed(f'{name}: {charset}' for name, charset in wrong.items())})." if wrong else "."
    if server.charset == WHOLE_UNICODE and not wrong:
        if "tables" in server.unread:
            raise UnknownError(f"the database has utf8mb4; the tables could not be read: {server.unread['tables']}")
        return Passed(evidence)
    first = min(wrong, default="")
    collation = server.collation or ""
    rewrite = (
        "Convert each table in a migration of its own, which rewrites and locks it: ALTER TABLE"
        f" {identifier(first)} CONVERT TO CHARACTER SET utf8mb4"
        f"{f' COLLATE {collation}' if collation.startswith(WHOLE_UNICODE) else ''};"
        if wrong
        else ""
    )
    new = "" if server.charset == WHOLE_UNICODE else "Let new tables have utf8mb4. "
    own = {server.charset, *wrong.values()} - {WHOLE_UNICODE}
    return Found(
        evidence=evidence,
        fix=f"{new}{rewrite}".strip(),
        changes=() if server.charset == WHOLE_UNICODE else _database_charset(server),
        level=Level.WARNING if own <= CUT_UNICODE else Level.ERROR,
    )


def _database_charset(server: ServerFacts) -> tuple[Change, ...]:
    if not server.database:
        return ()
    name = identifier(server.database)
    old = f" COLLATE {server.collation}" if server.collation else ""
    return (
        Change(
            kind="sql",
            text=f"ALTER DATABASE {name} CHARACTER SET utf8mb4;",
            undo=f"ALTER DATABASE {name} CHARACTER SET {server.charset}{old};",
            name="character_set_database",
            value=WHOLE_UNICODE,
            old=server.charset or "",
            reads_back="SELECT default_character_set_name FROM information_schema.schemata"
            " WHERE schema_name = DATABASE()",
            privilege=PRIVILEGE,
            risk="Only tables that are made from now on have it; those that are there stay as they are.",
        ),
    )


def _look_at_collations(facts: Facts) -> Verdict:
    server = server_of(facts, "mysql")
    by_collation: dict[str, list[str]] = {}
    for name, table in _tables(server).items():
        if table.get("collation"):
            by_collation.setdefault(table["collation"], []).append(name)
    if not by_collation or not server.collation:
        raise UnknownError("the server does not tell the collations of the tables or of the database")
    if set(by_collation) == {server.collation}:
        return Passed(f"The database and its {counted(len(server.tables), 'table')} have {server.collation}.")
    kinds = ", ".join(
        f"{collation}: {len(names)} ({listed(names, 3)})"
        for collation, names in sorted(by_collation.items(), key=lambda item: -len(item[1]))
    )
    usual = max(by_collation, key=lambda name: (len(by_collation[name]), name == server.collation))
    mixed = len(by_collation) > 1
    odd = next((names[0] for collation, names in by_collation.items() if collation != usual), "")
    evidence = f"The database has {server.collation}; tables by collation: {kinds}."
    if all(_cut_off(name) for name in by_collation if name != server.collation):
        # A table that is converted for its character set gets the database's collation with it.
        return Found(
            evidence=evidence,
            fix="Convert what is not utf8mb4, and give it the collation of the rest (PL341).",
            level=None if mixed else Level.INFO,
            same_as="PL341",
        )
    return Found(
        evidence=evidence,
        fix=f"Choose one, and bring the rest to it in a migration: ALTER TABLE {identifier(odd)} CONVERT TO CHARACTER"
        f" SET {usual.partition('_')[0]} COLLATE {usual}; it rewrites and locks the table."
        if mixed
        else "The next migration's tables will differ from those that are there. Give the database their collation.",
        changes=() if mixed or not server.database else _database_collation(server, usual),
        level=None if mixed else Level.INFO,
    )


def _cut_off(collation: str) -> bool:
    """Whether it belongs to another character set than utf8mb4."""
    return not collation.startswith(WHOLE_UNICODE)


def _database_collation(server: ServerFacts, collation: str) -> tuple[Change, ...]:
    name = identifier(server.database or "")
    return (
        Change(
            kind="sql",
            text=f"ALTER DATABASE {name} COLLATE {collation};",
            undo=f"ALTER DATABASE {name} COLLATE {server.collation};",
            name="collation_database",
            value=collation,
            old=server.collation or "",
            reads_back="SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = DATABASE()",
            privilege=PRIVILEGE,
            risk="Only tables that are made from now on have it.",
        ),
    )


def _look_at_engines(facts: Facts) -> Verdict:
    server = server_of(facts, "mysql")
    engines = {name: table["engine"] for name, table in _tables(server).items() if table.get("engine")}
    if not engines:
        raise UnknownError("the server does not tell the engines of the tables")
    wrong = {name: engine for name, engine in engines.items() if engine.lower() not in TRANSACTIONAL}
    if not wrong:
        return Passed(f"{counted(len(engines), 'table has', 'tables have')} an engine with transactions.")
    first = min(wrong)
    return Found(
        evidence=f"{len(wrong)} of {counted(len(engines), 'table')} cannot roll back:"
        f" {listed(f'{name} ({engine})' for name, engine in wrong.items())}.",
        fix="Give each InnoDB in a migration, which rewrites and locks the table:"
        f" ALTER TABLE {identifier(first)} ENGINE = InnoDB;",
    )


CHECKS: tuple[Check, ...] = (
    Check(
        id="PL341",
        title="Not all text can be stored: the character set is not utf8mb4",
        level=Level.WARNING,
        tags=frozenset({"mysql", "server", "schema"}),
        meaning="An emoji, or a name in a rarer script, is refused (error 1366) or, without strict mode, cut off.",
        about=about(
            looks_at="The character set of the database, which new tables get, and of each table.",
            why="MySQL's `utf8` has three bytes a character and leaves out all beyond U+FFFF; `latin1` leaves out"
            " nearly everything.",
            threshold="utf8mb4 everywhere. `utf8`/`utf8mb3` is a warning, any other set an error.",
            suppress="The tables hold codes and numbers only.",
        ),
        look=_look_at_charset,
    ),
    Check(
        id="PL342",
        title="Tables have different collations",
        level=Level.WARNING,
        tags=frozenset({"mysql", "server", "schema"}),
        meaning="Joins over text fail with 'Illegal mix of collations' (error 1267) or use no index, and what counts"
        " as equal differs from table to table.",
        about=about(
            looks_at="The collation of the database and of each table.",
            why="It comes from servers of different versions: MySQL 8 takes utf8mb4_0900_ai_ci where older ones and"
            " MariaDB took utf8mb4_general_ci, and the next migration's tables differ from the old ones.",
            threshold="One collation. Tables that agree among themselves, and not with the database, are only told of.",
            suppress="A table differs on purpose, for instance utf8mb4_bin for tokens.",
        ),
        look=_look_at_collations,
    ),
    Check(
        id="PL343",
        title="Tables without transactions",
        level=Level.ERROR,
        tags=frozenset({"mysql", "server", "schema", "data"}),
        meaning="A rollback leaves half of a request's work in the database, and a crash may damage the table.",
        about=about(
            looks_at="The engine of each table of our database.",
            why="MyISAM, Aria, MEMORY and others know no rollback: the session's promise that all or nothing is"
            " written does not hold, and no error tells. They lock the whole table for each writer.",
            threshold="InnoDB (or another engine with transactions) for all.",
            suppress="The table holds what may be lost, such as a cache.",
        ),
        look=_look_at_engines,
    ),
)
