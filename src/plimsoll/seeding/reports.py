"""What seeding and checking the admin account found out. Frozen, and free of passwords and hashes."""

from dataclasses import dataclass
from typing import Literal

from plimsoll.errors import PlimsollError

SeedOutcome = Literal["exists", "created", "refused", "failed"]


class AdminError(PlimsollError):
    """An admin account cannot be made or changed as asked. The text says why and what to do."""

    code = "PLE050"


@dataclass(frozen=True, slots=True)
class SeedReport:
    """How `AdminAccount.seed` ended.

    `exists`: an admin was there, nothing was changed. `created`: this process made it. `refused`: the
    password is not good enough for production. `failed`: `message` has the cause. `fix` says what to do; it
    is empty if `ok`. `warning`: what is accepted now, and would not be in production.
    All are for the log: they may hold the e-mail and the database's words.
    """

    outcome: SeedOutcome
    message: str
    fix: str = ""
    warning: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is an admin now."""
        return self.outcome in ("exists", "created")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with the admin accounts, and what to do about it."""

    message: str
    fix: str


@dataclass(frozen=True, slots=True)
class AdminCheck:
    """What `AdminAccount.check` found: `findings` make it not `ok`, `notes` are for the reader only. `unread`: the
    accounts could not be read, which the finding explains. `tries` of `tries_meant` likely passwords were tried, on
    `accounts_tried` admins: fewer where there was no more time, and the rest is not known."""

    admins: int
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    unread: bool = False
    accounts_tried: int = 0
    tries: int = 0
    tries_meant: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings
