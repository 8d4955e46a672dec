"""What SQLite says of a database file and of our connection to it. Pragmas: SQLite's manual."""

from sqlalchemy.ext.asyncio import AsyncConnection

from plimsoll.server.asking import Questions, text_of, version_of
from plimsoll.server.facts import ServerFacts

# None of these reads the whole file, as integrity_check and quick_check do.
_PRAGMAS = (
    "journal_mode",
    "busy_timeout",
    "synchronous",
    "foreign_keys",
    "page_size",
    "page_count",
    "freelist_count",
    "cache_size",
    "mmap_size",
    "wal_autocheckpoint",
    "journal_size_limit",
    "locking_mode",
    "auto_vacuum",
    "temp_store",
    "query_only",
    "read_uncommitted",
    "encoding",
    "user_version",
    "application_id",
)


async def read(_: AsyncConnection, ask: Questions) -> ServerFacts:
    """Everything that SQLite tells of the main database."""
    version = text_of(await ask.value("version", "SELECT sqlite_version()"))
    variables = {}
    for name in _PRAGMAS:
        value = await ask.value(name, f"PRAGMA {name}")
        if value is not None:
            variables[name] = text_of(value)
    file = await _file(ask)
    if file is not None:
        variables["file"] = file
    options = await ask.rows("compile_options", "PRAGMA compile_options")
    return ServerFacts(
        dialect="sqlite",
        flavour="sqlite",
        version=version_of(version),
        version_text=version,
        variables=variables,
        status={"compile_options": ", ".join(ask.each("compile_options", options, lambda row: text_of(row[0])))},
        is_local=True,
        database=file or None,
        charset=variables.get("encoding"),
        unread=ask.unread,
    )


async def _file(ask: Questions) -> str | None:
    """The file of the main database; empty where it lives in memory, None where SQLite does not tell."""
    rows = await ask.rows("file", "PRAGMA database_list")
    files = dict(ask.each("file", rows, lambda row: (text_of(row[1]), text_of(row[2]))))
    return files.get("main")
