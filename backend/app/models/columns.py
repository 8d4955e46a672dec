"""Column types that mean the same on MariaDB, PostgreSQL and SQLite: exact hundredths, UTC instants, row ids."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from sqlalchemy import JSON, BigInteger, DateTime, Integer, String
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import mapped_column
from sqlalchemy.types import TypeDecorator, TypeEngine

HUNDRED = Decimal(100)
# SQLite gives out ids by itself only to a column that it knows as INTEGER.
ROW_ID: TypeEngine[int] = BigInteger().with_variant(Integer(), "sqlite")


def exact_text(length: int) -> TypeEngine[str]:
    """Text of at most `length` characters whose equality, and so uniqueness, is exact.

    MySQL and MariaDB would otherwise hold `cafe` and `Café` for the same, which PostgreSQL and SQLite do not.
    """
    binary = mysql.VARCHAR(length, collation="utf8mb4_bin")
    return String(length).with_variant(binary, "mysql", "mariadb")


class Hundredths(TypeDecorator[Decimal]):
    """A decimal with two places, stored as an integer number of hundredths: money in minor units, a percentage."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        """Return hundredths. Raise ValueError for a value with more than two places: nothing is rounded."""
        if value is None:
            return None
        hundredths = Decimal(value) * HUNDRED
        if hundredths != hundredths.to_integral_value():
            raise ValueError(f"{value} has more than two decimal places")
        return int(hundredths)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Decimal | None:
        """Return the decimal, always with two places."""
        return None if value is None else (Decimal(value) / HUNDRED).quantize(Decimal("0.01"))


class UtcDateTime(TypeDecorator[datetime]):
    """An instant in whole seconds: aware in Python, UTC without a zone in the database.

    MySQL's DATETIME rounds fractions of a second, so they are cut off here, the same on every database.
    """

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the naive UTC time. Raise ValueError for a naive one: nobody knows what it means."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} has no time zone")
        return value.astimezone(UTC).replace(tzinfo=None, microsecond=0)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """Return the instant, aware, in UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


def now() -> datetime:
    """Return this instant, aware, in UTC, in whole seconds as the database keeps it."""
    return datetime.now(UTC).replace(microsecond=0)


RowId = Annotated[int, mapped_column(ROW_ID, primary_key=True, autoincrement=True)]
Money = Annotated[Decimal, mapped_column(Hundredths)]
Instant = Annotated[datetime, mapped_column(UtcDateTime)]
CreatedAt = Annotated[datetime, mapped_column(UtcDateTime, default=now)]
# None is stored as SQL NULL, not as the JSON word null.
NULLABLE_JSON = JSON(none_as_null=True)
