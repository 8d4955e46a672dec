"""The kinds of value that requests and answers are made of, each with its bounds and its JSON form."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    EmailStr,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

# JavaScript reads integers exactly up to here, and a BIGINT column holds them.
MAX_ID = 2**53 - 1
MONEY_PATTERN = r"^[0-9]{1,8}(\.[0-9]{1,2})?$"
# PostgreSQL cannot store NUL, and no name has a control character in it. The first character is not a space.
LINE_PATTERN = r"^[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"
PROSE_PATTERN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
FIRST_YEAR, LAST_YEAR = 2000, 2100


Line = Annotated[str, StringConstraints(min_length=1, pattern=LINE_PATTERN)]
Line16 = Annotated[Line, Field(max_length=16)]
Line32 = Annotated[Line, Field(max_length=32)]
Line40 = Annotated[Line, Field(max_length=40)]
Line80 = Annotated[Line, Field(max_length=80)]
Line100 = Annotated[Line, Field(max_length=100)]
Line120 = Annotated[Line, Field(max_length=120)]
Line160 = Annotated[Line, Field(max_length=160)]
Line200 = Annotated[Line, Field(max_length=200)]
Line255 = Annotated[Line, Field(max_length=255)]
Prose = Annotated[str, StringConstraints(pattern=PROSE_PATTERN)]
Prose255 = Annotated[Prose, Field(max_length=255)]
Prose500 = Annotated[Prose, Field(max_length=500)]
Prose1000 = Annotated[Prose, Field(max_length=1000)]
Prose4000 = Annotated[Prose, Field(max_length=4000)]


def _exact(value: object) -> object:
    """Money comes as text, in one form: a JSON number has been a float in too many hands."""
    if isinstance(value, Decimal) or (isinstance(value, str) and re.fullmatch(MONEY_PATTERN, value)):
        return value
    raise ValueError('a decimal in a string, such as "1250.00"')


def _plausible(value: datetime) -> datetime:
    """Arithmetic on the first and last years of the calendar overflows; nobody books a hall in them."""
    if not FIRST_YEAR <= value.year < LAST_YEAR:
        raise ValueError(f"a time from {FIRST_YEAR} to {LAST_YEAR}")
    return value.astimezone(UTC)


def _utc_text(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Id = Annotated[int, Field(ge=1, le=MAX_ID)]
Email = Annotated[EmailStr, Field(max_length=254), AfterValidator(str.lower)]
Currency = Annotated[str, StringConstraints(pattern="^(INR|USD|EUR|GBP|AED|SGD)$")]
Amount = Annotated[
    Decimal,
    Field(ge=0, max_digits=10, decimal_places=2),
    BeforeValidator(_exact),
    PlainSerializer(lambda value: f"{value:.2f}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": MONEY_PATTERN, "examples": ["1250.00"]}),
]
# A sum may be longer than any one price.
Total = Annotated[
    Decimal,
    PlainSerializer(lambda value: f"{value:.2f}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]+\.[0-9]{2}$", "examples": ["18500.00"]}),
]
Time = Annotated[
    AwareDatetime,
    AfterValidator(_plausible),
    PlainSerializer(_utc_text, return_type=str, when_used="json"),
]


class Request(BaseModel):
    """A body we are sent: a name that we do not know is refused rather than ignored."""

    model_config = ConfigDict(extra="forbid")


class Answer(BaseModel):
    """A body we send, read from a row."""

    model_config = ConfigDict(from_attributes=True)
