"""The application's own settings, the key that signs its tokens, and how it keeps its administrators."""

import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from app.models import Account, Base
from app.sample import seed_sample
from plimsoll import Database, DatabaseSettings
from plimsoll.seeding import AdminAccount, AdminSettings, PasswordHasher
from plimsoll.settings import Problem, ServiceSettings, Settings, SettingsError, setting

# Hosts that mean production here, whatever the environment says.
PRODUCTION_MARKERS = ("taxtower.in",)
MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
# HMAC-SHA256 is as strong as its key up to 32 bytes (RFC 7518, section 3.2, asks for at least that).
KEY_CHARACTERS = 32
GOOD_KEY = (
    f"{KEY_CHARACTERS} characters or more in production, "
    "such as: python -c 'import secrets; print(secrets.token_hex(32))'"
)


def _check_web_address(text: str) -> str | None:
    try:
        address = urlsplit(text)
        good = address.scheme in {"http", "https"} and bool(address.hostname) and (address.port or 1) > 0
    except ValueError:
        good = False
    return None if good and text.isprintable() and " " not in text else "is not the address of a web service"


class BackendDatabaseSettings(DatabaseSettings):
    """The library's database settings, which know the hosts that mean production here."""

    production_hosts: tuple[str, ...] = setting(
        "PRODUCTION_HOSTS",
        default=PRODUCTION_MARKERS,
        help="Further texts that, like taxtower.in, mean production where MYSQL_HOST or DATABASE_URL contains one",
    )

    @classmethod
    def _derive(cls, draft: Any) -> Any:
        # Added, not replaced: else naming a second host would turn the first one into development in silence.
        given = draft.values.get("production_hosts", ())
        further = tuple(marker for marker in given if marker not in PRODUCTION_MARKERS)
        draft.values["production_hosts"] = PRODUCTION_MARKERS + further
        return super()._derive(draft)


class BackendServiceSettings(ServiceSettings):
    """The library's settings of a service, with a limit for bodies that the largest item here fits into."""

    max_body_bytes: int = setting(
        "MAX_BODY_BYTES", default=262_144, ge=1024, le=104_857_600, unit="bytes", help="Largest request body"
    )


class AppSettings(Settings):
    """What this service needs beside the database."""

    secret_key: SecretStr | None = setting(
        "SECRET_KEY",
        default=None,
        secret=True,
        made_up="access tokens are good until this process ends, and in it alone",
        help="Signs access tokens; needed in production, 32 characters",
    )
    token_minutes: int = setting(
        "TOKEN_MINUTES", default=15, ge=1, le=1440, unit="min", help="How long an access token is good for"
    )
    sample_data: bool = setting(
        "SAMPLE_DATA", default=True, help="Fill an empty catalogue with sample data; never done in production"
    )
    payment_provider_url: str | None = setting(
        "PAYMENT_PROVIDER_URL",
        default=None,
        check=_check_web_address,
        allowed="an address that begins with https:// or http://",
        help="Base address of the payment provider; without it, no payments",
    )
    payment_provider_key: SecretStr | None = setting(
        "PAYMENT_PROVIDER_KEY", default=None, secret=True, help="Bearer key for the payment provider"
    )
    payment_timeout_s: float = setting(
        "PAYMENT_TIMEOUT", default=10.0, ge=0.1, le=120.0, unit="s", help="Wait for one answer of the provider"
    )
    payment_attempts: int = setting(
        "PAYMENT_ATTEMPTS", default=3, ge=1, le=10, unit="calls", help="Calls to the provider before giving up"
    )


def signing_key(settings: AppSettings, *, production: bool) -> bytes:
    """Return the key that access tokens are signed with.

    Raises SettingsError in production where none, or a short one, is set. In development a missing one is made
    up, so that tokens end with the process.
    """
    key = settings.secret_key.get_secret_value() if settings.secret_key else ""
    if len(key) >= KEY_CHARACTERS or (key and not production):
        return key.encode()
    if production:
        wrong = f"it has {len(key)} characters, and whoever guesses it can be anyone"
        source = str(settings.source_of("secret_key"))
        raise SettingsError([Problem("SECRET_KEY", "***" if key else "(not set)", source, wrong, GOOD_KEY)])
    return secrets.token_bytes(KEY_CHARACTERS)


def make_database(
    settings: DatabaseSettings,
    app_settings: AppSettings,
    admin: AdminSettings,
    hasher: PasswordHasher | None = None,
) -> Database:
    """Return the database of this service: its models, its migrations, its first administrator, its sample."""
    account = AdminAccount(
        model=Account,
        settings=admin,
        is_admin=Account.role == "admin",
        new={"role": "admin", "is_active": True},
        hasher=hasher or PasswordHasher(),
    )
    sample = app_settings.sample_data and not settings.production.active
    return Database(
        settings,
        metadata=Base.metadata,
        migrations=MIGRATIONS,
        admin=account,
        on_ready=(seed_sample,) if sample else (),
    )
