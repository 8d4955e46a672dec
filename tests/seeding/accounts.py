"""A small application's accounts, and the engine and settings that the tests of seeding use."""

import argon2
from pydantic import SecretStr
from sqlalchemy import String, select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from plimsoll import DatabaseSettings
from plimsoll.engine import build_engine
from plimsoll.seeding import AdminAccount, AdminSettings, PasswordHasher

GOOD_PASSWORD = "corvid-Lantern-77-harbour"
OTHER_GOOD_PASSWORD = "plum_Ferry_under_9_bridges"
EMAIL = "chief@harbour.example"


class Base(DeclarativeBase):
    pass


class Account(Base):
    """The attribute `full_name` and its column differ in name, as they may in any application."""

    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    full_name: Mapped[str] = mapped_column("display_name", String(120))
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(16))
    is_active: Mapped[bool] = mapped_column(default=True)


class FastArgon2(argon2.PasswordHasher):
    """argon2id with the least work there is: these tests are not about its strength."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)


def fast_hasher() -> PasswordHasher:
    return PasswordHasher(argon2id=FastArgon2())


def admin_account(
    password: str | None = GOOD_PASSWORD, *, email: str = EMAIL, hasher: PasswordHasher | None = None
) -> AdminAccount:
    settings = AdminSettings(
        admin_name="Harbour Master",
        admin_email=email,
        admin_password=None if password is None else SecretStr(password),
    )
    return AdminAccount(
        model=Account,
        settings=settings,
        name="full_name",
        is_admin=Account.role == "admin",
        new={"role": "admin"},
        hasher=hasher or fast_hasher(),
    )


def engine_for(url: str, **settings: object) -> AsyncEngine:
    return build_engine(DatabaseSettings(database_url=url, pool_size=2, max_overflow=0, **settings))


async def make_tables(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)


async def add_account(engine: AsyncEngine, email: str, *, password: str = GOOD_PASSWORD, role: str = "admin") -> None:
    """An account that was there before, made without the code under test."""
    values = {
        "email": email,
        "display_name": "A person",
        "password_hash": FastArgon2().hash(password),
        "role": role,
        "is_active": True,
    }
    async with engine.begin() as connection:
        await connection.execute(Base.metadata.tables["accounts"].insert().values(values))


async def rows(engine: AsyncEngine) -> list[tuple[object, ...]]:
    """Every account, all columns."""
    async with engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(select(Base.metadata.tables["accounts"]))]
