"""How an application declares a setting: `setting()`, and the record of it that a field carries."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel, Field, SecretStr
from pydantic.fields import FieldInfo

from plimsoll.settings.records import NOT_SET
from plimsoll.settings.redaction import HIDDEN, hide_credentials, hide_within, redact_url, shorten
from plimsoll.settings.text import Kind, RefusedError, describe, kind_of, plain, read_value, without_none

Check = Callable[[Any], str | None]
"""Gets a value of the right type and within its bounds; returns None, or words that say what is wrong."""


@dataclass(frozen=True, slots=True, eq=False)
class Declaration:
    """What `setting()` was told."""

    name: str
    ge: float | None
    le: float | None
    unit: str
    help: str
    secret: bool
    is_url: bool
    check: Check | None
    allowed: str | None
    made_up: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Spec:
    """One setting of a class: the declaration, and how its type is read."""

    attribute: str
    declared: Declaration
    kind: Kind
    optional: bool
    required: bool
    default: Any

    @property
    def name(self) -> str:
        return self.declared.name

    @property
    def allowed(self) -> str:
        """Words for what is allowed, bounds included."""
        declared = self.declared
        return declared.allowed or describe(self.kind.allowed, declared.ge, declared.le)

    def read(self, given: object) -> Any:
        """The checked value that `given` (text, or an object that code passed) stands for.

        Raises RefusedError with words that do not repeat the value.
        """
        if given is None and self.optional:
            return None
        value = read_value(self.kind, given)
        declared = self.declared
        is_word = isinstance(value, str)
        if declared.ge is not None and not is_word and value < declared.ge:
            raise RefusedError(f"is below {plain(declared.ge)}")
        if declared.le is not None and not is_word and value > declared.le:
            raise RefusedError(f"is above {plain(declared.le)}")
        wrong = declared.check(value) if declared.check else None
        if wrong:
            secret = [value.get_secret_value()] if isinstance(value, SecretStr) else []
            raise RefusedError(hide_within(wrong, secret))
        return value

    def shown(self, value: object) -> str:
        """A value for display, secrets hidden."""
        if value is None:
            return NOT_SET
        if self.declared.secret:
            return self._masked(value)
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, float):
            return plain(value)
        if isinstance(value, tuple):
            return ", ".join(map(str, value)) or NOT_SET
        return str(value)

    def shown_wrong(self, given: object) -> str:
        """A wrong value for a message: quoted, so that stray spaces are seen; secrets hidden."""
        if given is None:
            return NOT_SET
        if not self.declared.secret:
            return shorten(hide_credentials(repr(given)))
        return shorten(repr(self._masked(given))) if self.declared.is_url else HIDDEN

    def _masked(self, value: object) -> str:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        return redact_url(text) if self.declared.is_url and isinstance(text, str) else HIDDEN


def setting(
    name: str,
    *,
    default: Any = ...,
    ge: float | None = None,
    le: float | None = None,
    unit: str = "",
    help: str = "",  # noqa: A002  (the word that command lines use for it)
    secret: bool = False,
    is_url: bool = False,
    check: Check | None = None,
    allowed: str | None = None,
    made_up: str = "",
) -> Any:
    """Declare a field of a `Settings` class.

    `name` is the variable's name in the environment and in .env. Without `default` the setting must be set.
    `ge` and `le` are the bounds of a number, both inclusive, in `unit`. `secret` hides the value everywhere
    and needs the type SecretStr; `is_url` shows a secret URL without its password instead of hiding it all.
    `check` gets the value and returns None, or words for what is wrong (without the value). `allowed`
    replaces the words for what is allowed. `made_up` is for what each process makes up for itself where it is not
    set, such as a signing key: words for what comes of that, told at start and found by PL008.
    """
    field: FieldInfo = Field(default=default, alias=name, description=help or None)
    field.metadata.append(Declaration(name, ge, le, unit, help, secret, is_url, check, allowed, made_up))
    return field


@cache
def specs_of(cls: type[BaseModel]) -> Mapping[str, Spec]:
    """The settings of a class by attribute name, in the order of their declaration. Raises TypeError."""
    return {attribute: _spec(cls, attribute, field) for attribute, field in cls.model_fields.items()}


def _spec(cls: type[BaseModel], attribute: str, field: FieldInfo) -> Spec:
    where = f"{cls.__name__}.{attribute}"
    declared = next((item for item in reversed(field.metadata) if isinstance(item, Declaration)), None)
    if declared is None:
        raise TypeError(f"{where} is not declared with setting(...)")
    base, optional = without_none(field.annotation)
    if declared.secret and base is not SecretStr:
        raise TypeError(f"{where} is secret, so its type must be SecretStr: a plain str is shown by repr()")
    spec = Spec(attribute, declared, kind_of(base), optional, field.is_required(), None)
    if spec.required:
        return spec
    try:
        default = spec.read(field.default)
    except RefusedError as error:
        raise TypeError(f"the default of {where} {error}") from None
    return Spec(attribute, declared, spec.kind, optional, False, default)
