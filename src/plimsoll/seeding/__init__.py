"""The administrator's account and the hashing of passwords."""

from plimsoll.seeding.admin import AdminAccount, AdminSettings
from plimsoll.seeding.passwords import PasswordError, PasswordHasher
from plimsoll.seeding.reports import AdminCheck, AdminError, Finding, SeedReport
from plimsoll.seeding.strength import password_problem

__all__ = [
    "AdminAccount",
    "AdminCheck",
    "AdminError",
    "AdminSettings",
    "Finding",
    "PasswordError",
    "PasswordHasher",
    "SeedReport",
    "password_problem",
]
