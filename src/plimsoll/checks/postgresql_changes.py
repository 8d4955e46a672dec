"""How a setting of PostgreSQL is changed so that it survives a restart: for the server, or for our role alone."""

from plimsoll.checks.verdict import Change
from plimsoll.server.facts import ServerFacts

RELOAD = "SELECT pg_reload_conf();"

_UNITS_MS = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000))
_UNITS_KIB = (("TB", 1 << 30), ("GB", 1 << 20), ("MB", 1 << 10))


def duration(value_s: float) -> str:
    """A time as SHOW writes it: in the largest unit that leaves no rest."""
    count = round(value_s * 1000)
    for unit, factor in _UNITS_MS:
        if count and count % factor == 0:
            return f"{count // factor}{unit}"
    return f"{count}ms"


def quantity(value_bytes: float) -> str:
    """A size as SHOW writes it, in whole kB."""
    count = int(value_bytes // 1024)
    for unit, factor in _UNITS_KIB:
        if count and count % factor == 0:
            return f"{count // factor}{unit}"
    return f"{count}kB"


def alter_system(
    server: ServerFacts, name: str, value: str, *, restart: bool = False, risk: str = "", memory: str = ""
) -> tuple[Change, ...]:
    """Two statements, each to be run by itself and outside of a transaction; the second has the files read again.

    ALTER SYSTEM writes postgresql.auto.conf, which outranks postgresql.conf and not the server's command line.
    """
    old = _old(server, name)
    later = "Takes effect when the server is restarted, which ends every connection. " if restart else ""
    return (
        Change(
            kind="sql",
            text=f"ALTER SYSTEM SET {name} = {literal(value)};",
            undo=f"ALTER SYSTEM SET {name} = {literal(old)};" if old else f"ALTER SYSTEM RESET {name};",
            name=name,
            value=value,
            old=old,
            reads_back=f"SHOW {name}",
            privilege="superuser",
            risk=f"{later}{risk}".strip(),
            memory=memory,
        ),
        Change(kind="sql", text=RELOAD, undo=RELOAD, privilege="superuser"),
    )


def set_for_us(server: ServerFacts, name: str, value: str, *, risk: str = "") -> tuple[Change, ...]:
    """What our sessions begin with: for our role alone, or for the server where we may change the server."""
    if server.account is not None and "SUPERUSER" in server.account.powers:
        return alter_system(server, name, value, risk=f"It holds for every client of the server. {risk}".strip())
    return alter_role(server, name, value, risk=risk)


def alter_role(server: ServerFacts, name: str, value: str, *, risk: str = "") -> tuple[Change, ...]:
    """For our own role only: it needs no privilege and touches no other client of the server."""
    role = identifier(server.account.user) if server.account and server.account.user else "CURRENT_USER"
    own = server.account.settings.get(name.lower()) if server.account else None
    back = f"RESET {name}" if own is None else f"SET {name} = {literal(own)}"
    return (
        Change(
            kind="sql",
            text=f"ALTER ROLE {role} SET {name} = {literal(value)};",
            undo=f"ALTER ROLE {role} {back};",
            name=name,
            value=value,
            old=_old(server, name),
            # The session that runs it keeps the old value, so the note of it is what is read.
            reads_back=_noted(server, name),
            privilege="no privilege: a role may set this for itself",
            risk=f"Sessions that are open keep what they began with. {risk}".strip(),
        ),
    )


def literal(value: str) -> str:
    """A value as a string of SQL."""
    return "'" + value.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """The name of a role or database, quoted."""
    return '"' + name.replace('"', '""') + '"'


def _noted(server: ServerFacts, name: str) -> str:
    """A statement that reads what is noted for our role, whatever the session that runs it has."""
    role = literal(server.account.user) if server.account and server.account.user else "current_user"
    return (
        "SELECT split_part(entry, '=', 2) FROM pg_roles, pg_db_role_setting, unnest(setconfig) AS entry"  # noqa: S608
        f" WHERE rolname = {role} AND setrole = pg_roles.oid AND setdatabase = 0 AND entry ILIKE {literal(name + '=%')}"
    )


def _old(server: ServerFacts, name: str) -> str:
    """The value with its unit, as it may be set again."""
    old = server.variables.get(name, "")
    unit = server.units.get(name, "")
    if not old.lstrip("-").isdigit() or unit in ("", "B"):
        return old
    if unit[0].isdigit():  # 8kB: a setting without a unit counts such blocks
        return old
    return f"{old}{unit}" if int(old) > 0 else old
