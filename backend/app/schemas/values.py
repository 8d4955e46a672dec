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
# What browsers take for an e-mail address (HTML, section 4.10.5.1.5), with a dot in the domain.
EMAIL_PATTERN = (
    r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@"
    r"([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$"
)
WEB_PATTERN = r"^https?://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[^\s\x00-\x1f\x7f<>]*)?$"
TIME_PATTERN = r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)"
EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
MOST_PERCENT = Decimal(100)
PERCENT_PATTERN = r"^([0-9]{1,2}(\.[0-9]{1,2})?|100(\.00?)?)$"


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


def _whole(value: object) -> object:
    """Numbers, texts and truth values stay what they are; 2.0 is a whole number to JSON."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if type(value) is not int:
        raise ValueError("a whole number")
    return value


def _percentage(value: Decimal) -> Decimal:
    if value > MOST_PERCENT:
        raise ValueError(f"at most {MOST_PERCENT}")
    return value


def _written_out(value: object) -> object:
    """A time comes as RFC 3339 writes it: pydantic would take `1700000000` and `today` for one as well."""
    if isinstance(value, datetime) or (isinstance(value, str) and re.fullmatch(TIME_PATTERN, value)):
        return value
    raise ValueError('a time with its offset, such as "2031-05-04T18:00:00+05:30"')


def _in_utc(value: datetime) -> datetime:
    """The first and last hours of the calendar have no UTC time; the nearest that exists stands for them."""
    try:
        return value.astimezone(UTC)
    except OverflowError:
        return EARLIEST if value.year == EARLIEST.year else LATEST


def _utc_text(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Id = Annotated[int, Field(ge=1, le=MAX_ID)]
# For bodies; in a path or a query, all is text. It comes last in an `Annotated`, or the description loses the bounds.
WHOLE = BeforeValidator(_whole)
Flag = Annotated[bool, Field(strict=True)]
Email = Annotated[str, StringConstraints(max_length=254, pattern=EMAIL_PATTERN), AfterValidator(str.lower)]
WebAddress = Annotated[str, StringConstraints(max_length=300, pattern=WEB_PATTERN)]
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
Percent = Annotated[
    Amount,
    AfterValidator(_percentage),
    WithJsonSchema({"type": "string", "pattern": PERCENT_PATTERN, "examples": ["18.00"]}),
]
Time = Annotated[
    AwareDatetime,
    BeforeValidator(_written_out),
    AfterValidator(_in_utc),
    PlainSerializer(_utc_text, return_type=str, when_used="json"),
]


class Request(BaseModel):
    """A body we are sent: a name that we do not know is refused rather than ignored."""

    model_config = ConfigDict(extra="forbid")


class Answer(BaseModel):
    """A body we send, read from a row."""

    model_config = ConfigDict(from_attributes=True)
