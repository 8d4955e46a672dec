"""A settings object in the making: reads every value it was given and keeps all that is wrong, so that one
error can list everything instead of the first thing only."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from plimsoll.settings.declaration import Spec
from plimsoll.settings.records import ARGUMENT, DEFAULT, NOT_SET, Problem, Source
from plimsoll.settings.redaction import HIDDEN, hide_within
from plimsoll.settings.text import RefusedError


@dataclass(frozen=True, slots=True)
class Given:
    """A value with its source, before it is read."""

    value: object = field(repr=False)
    source: Source


class Draft:
    """The values read so far, and what is wrong. A setting that was refused is in `failed`, with no value."""

    def __init__(self, specs: Mapping[str, Spec], arguments: Mapping[str, object]) -> None:
        self.specs = specs
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self.values: dict[str, Any] = {}
        self.failed: set[str] = set()
        self.given: dict[str, Given] = {}
        self._take(arguments)
        self.sources = {name: item.source for name, item in self.given.items()}
        for spec in specs.values():
            self._read(spec)

    def _take(self, arguments: Mapping[str, object]) -> None:
        attributes = {spec.name: attribute for attribute, spec in self.specs.items()}
        for keyword, value in arguments.items():
            attribute = keyword if keyword in self.specs else attributes.get(keyword)
            item = value if isinstance(value, Given) else Given(value, ARGUMENT)
            if attribute is None:
                self._unknown(keyword, attributes)
            elif attribute in self.given:
                self.problems.append(self._problem(attribute, item, "is given twice, under both its names"))
            else:
                self.given[attribute] = item

    def _unknown(self, keyword: str, attributes: Mapping[str, str]) -> None:
        close = difflib.get_close_matches(keyword, [*self.specs, *attributes], n=1)
        what = f"there is no such setting; did you mean {close[0]}?" if close else "there is no such setting"
        self.problems.append(Problem(keyword, HIDDEN, str(ARGUMENT), what, ""))

    def _read(self, spec: Spec) -> None:
        item = self.given.get(spec.attribute)
        if item is None:
            self.values[spec.attribute] = spec.default
            if spec.required:
                self.refuse(spec.attribute, "is not set, and it has no default")
            return
        try:
            self.values[spec.attribute] = spec.read(item.value)
        except RefusedError as error:
            self.refuse(spec.attribute, str(error))

    def refuse(self, attribute: str, what: str, allowed: str | None = None) -> None:
        """Record that a setting is wrong. `what` follows the name: "is above 1000"."""
        item = self.given.get(attribute, Given(None, DEFAULT))
        self.problems.append(self._problem(attribute, item, what, allowed))
        self.failed.add(attribute)
        self.values.pop(attribute, None)

    def _problem(self, attribute: str, item: Given, what: str, allowed: str | None = None) -> Problem:
        spec = self.specs[attribute]
        value = NOT_SET if item.source is DEFAULT else spec.shown_wrong(item.value)
        allowed = spec.allowed if allowed is None else allowed
        if spec.declared.unit and allowed:
            allowed = f"{allowed} ({spec.declared.unit})"
        return Problem(spec.name, value, str(item.source), what, allowed)

    def refuse_words(self, place: str, message: str) -> None:
        """Record what a validator of the application says about a setting, or about several together."""
        # The words are not ours, so they may quote a secret.
        message = hide_within(message, self._secrets())
        by_name = {spec.name: attribute for attribute, spec in self.specs.items()}
        attribute = by_name.get(place, place)
        if attribute in self.specs:
            self.refuse(attribute, message)
        else:
            self.problems.append(Problem("(several settings)", "(not shown)", "several", message, ""))

    def listed(self) -> list[Problem]:
        """All that is wrong, in the order in which the settings are declared."""
        order = [spec.name for spec in self.specs.values()]
        return sorted(self.problems, key=lambda found: order.index(found.name) if found.name in order else -1)

    def _secrets(self) -> list[str]:
        values = [self.values.get(name) for name, spec in self.specs.items() if spec.declared.secret]
        return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]

    def is_given(self, attribute: str) -> bool:
        """Whether a value was given, be it right or wrong."""
        item = self.given.get(attribute)
        return item is not None and item.value is not None

    def source(self, attribute: str) -> Source:
        """Where the value of a setting came from."""
        return self.sources.get(attribute, DEFAULT)
