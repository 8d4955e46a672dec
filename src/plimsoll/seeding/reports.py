"""What seeding and checking the admin account found out. Frozen, and free of passwords and hashes."""

from dataclasses import dataclass
from typing import Literal

from plimsoll.errors import PlimsollError

SeedOutcome = Literal["exists", "created", "refused", "failed"]


_PUBLIC: dict[SeedOutcome, str] = {
    "exists": "an admin account exists",
    "created": "an admin account exists",
    "refused": "no admin account: ADMIN_PASSWORD is missing or too weak for production, see the log",
    "failed": "no admin account: making it failed, see the log",
}


class AdminError(PlimsollError):
    """An admin account cannot be made or changed as asked. The text says why and what to do."""

    code = "PLE050"


@dataclass(frozen=True, slots=True)
class SeedReport:
    """How `AdminAccount.seed` ended.

    `exists`: an admin was there, nothing was changed. `created`: this process made it. `refused`: the
    password is not good enough for production. `failed`: `message` has the cause. `fix` says what to do; it
    is empty if `ok`.
    """

    outcome: SeedOutcome
    message: str
    fix: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is an admin now."""
        return self.outcome in ("exists", "created")

    @property
    def public(self) -> str:
        """The outcome for a health page, which strangers read: no e-mail, no words of the database."""
        return _PUBLIC[self.outcome]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with the admin accounts, and what to do about it."""

    message: str
    fix: str


@dataclass(frozen=True, slots=True)
class AdminCheck:
    """What `AdminAccount.check` found: `findings` make it not `ok`, `notes` are for the reader only."""

    admins: int
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings
