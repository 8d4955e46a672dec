"""Changes of settings: the line for `.env`, and what takes it back."""

from plimsoll.checks.verdict import Change
from plimsoll.settings import Settings
from plimsoll.settings.records import DEFAULT, ENVIRONMENT
from plimsoll.settings.text import plain


def env_line(settings: Settings, name: str, value: float | str, *, risk: str = "", memory: str = "") -> Change:
    """The line that gives the setting `name` of this group the value; `name` is as in the environment.

    What the process environment sets wins over `.env`: then the risk says that the line would do nothing there.
    """
    source = settings.source_of(name)
    old = next(row.value for row in settings.rows() if row.name == name)
    shown = value if isinstance(value, str) else plain(value)
    if source == ENVIRONMENT:
        risk = f"{name} is set in the environment, which wins over .env: change it there. {risk}".rstrip()
    return Change(
        kind="env",
        text=f"{name}={shown}",
        undo=f"remove the line {name}=" if source == DEFAULT else f"{name}={old}",
        name=name,
        value=shown,
        old=old,
        risk=risk,
        memory=memory,
    )
