"""The `Settings` base class, and `read_settings`, which reads several groups and lists all that is wrong."""

import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, Self, TypeVar, cast, overload

from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError

from plimsoll.settings.declaration import specs_of
from plimsoll.settings.drafting import Draft, Given
from plimsoll.settings.envfile import EnvFile, read_env_file
from plimsoll.settings.lookalikes import lookalike
from plimsoll.settings.records import DEFAULT, ENVIRONMENT, SettingRow, SettingsError, Source

EnvPath = str | os.PathLike[str] | None
"""The path of a .env file; None reads none."""


class Settings(BaseModel):
    """A frozen group of settings. Subclass it, with fields declared by `setting()`.

    `Group(...)` takes values as keywords, by attribute or by environment name, and reads nothing else.
    `Group.from_env()` reads the process environment and .env. Both raise SettingsError, which lists all
    that is wrong. A text passed by code is read as strictly as one from the environment.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True, hide_input_in_errors=True
    )

    lookalike_prefixes: ClassVar[tuple[str, ...]] = ()
    """Names that begin so and are nearly one of ours are noted as a likely slip of the pen."""

    _sources: dict[str, Source] = PrivateAttr(default_factory=dict)
    _notes: tuple[str, ...] = PrivateAttr(default=())
    _read_notes: tuple[str, ...] = PrivateAttr(default=())

    def __init__(self, /, **values: Any) -> None:
        draft = Draft(specs_of(type(self)), values)
        derived = self._derive(draft)
        if not draft.problems:
            self._validate(draft)
        if draft.problems:
            raise SettingsError(draft.listed())
        self._sources = draft.sources
        self._notes = tuple(draft.notes)
        self._keep(derived)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        # A wrong declaration is a fault of the program: it shows when the class is made, not at night.
        super().__pydantic_init_subclass__(**kwargs)
        specs_of(cls)

    @classmethod
    def _derive(cls, draft: Draft) -> Any:
        """Check settings against each other and compute what follows from them; also where some are wrong."""
        return None

    def _keep(self, derived: Any) -> None:
        """Store what `_derive` returned."""

    def _validate(self, draft: Draft) -> None:
        """Let pydantic run, with any validators of the application's own class."""
        try:
            super().__init__(**draft.values)
        except ValidationError as error:
            found = error.errors(include_input=False, include_context=False)
        else:
            return
        for item in found:
            draft.refuse_words(str(item["loc"][0]) if item["loc"] else "", item["msg"])

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, env_file: EnvPath = ".env", **values: Any) -> Self:
        """Read this group: `values` passed by code win, then the environment, then .env, then the defaults.

        `environ` is the process environment unless given. Raises SettingsError.
        """
        (instance,) = _read((cls,), environ, env_file, values)
        return cast("Self", instance)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should be told at start: nothing is wrong, but something may not be as meant."""
        return (*self.made_up.values(), *self._notes, *self._read_notes)

    @property
    def made_up(self) -> Mapping[str, str]:
        """What is not set, so that each process makes up its own: by name, a sentence that says what comes of it."""
        return {
            spec.name: f"{spec.name} is not set: {spec.declared.made_up}."
            for attribute, spec in specs_of(type(self)).items()
            if spec.declared.made_up and not getattr(self, attribute)
        }

    def source_of(self, name: str) -> Source:
        """Where a value came from; `name` is an attribute or environment name. Raises KeyError."""
        specs = specs_of(type(self))
        attributes = {spec.name: attribute for attribute, spec in specs.items()}
        attribute = attributes.get(name, name)
        if attribute not in specs:
            raise KeyError(name)
        return self._sources.get(attribute, DEFAULT)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy. With `update` all of it is checked again; what was updated has the source "argument"."""
        if not update:
            return super().model_copy(deep=deep)
        kept = {name: Given(getattr(self, name), source) for name, source in self._sources.items()}
        copied = type(self)(**{**kept, **update})
        copied._read_notes = self._read_notes
        return copied

    def rows(self) -> list[SettingRow]:
        """Every setting for display, in the order of declaration, secrets hidden."""
        return [
            SettingRow(
                spec.name,
                spec.shown(getattr(self, attribute)),
                str(self.source_of(attribute)),
                spec.declared.unit,
                spec.allowed,
                spec.declared.help,
            )
            for attribute, spec in specs_of(type(self)).items()
        ]


A = TypeVar("A", bound=Settings)
B = TypeVar("B", bound=Settings)
C = TypeVar("C", bound=Settings)
D = TypeVar("D", bound=Settings)


@overload
def read_settings(a: type[A], /, *, environ: Mapping[str, str] | None = ..., env_file: EnvPath = ...) -> tuple[A]: ...
@overload
def read_settings(
    a: type[A], b: type[B], /, *, environ: Mapping[str, str] | None = ..., env_file: EnvPath = ...
) -> tuple[A, B]: ...
@overload
def read_settings(
    a: type[A], b: type[B], c: type[C], /, *, environ: Mapping[str, str] | None = ..., env_file: EnvPath = ...
) -> tuple[A, B, C]: ...
@overload
def read_settings(
    a: type[A],
    b: type[B],
    c: type[C],
    d: type[D],
    /,
    *,
    environ: Mapping[str, str] | None = ...,
    env_file: EnvPath = ...,
) -> tuple[A, B, C, D]: ...
@overload
def read_settings(
    a: type[A],
    b: type[B],
    c: type[C],
    d: type[D],
    /,
    *more: type[Settings],
    environ: Mapping[str, str] | None = ...,
    env_file: EnvPath = ...,
) -> tuple[A, B, C, D, *tuple[Settings, ...]]: ...
def read_settings(
    *classes: type[Settings], environ: Mapping[str, str] | None = None, env_file: EnvPath = ".env"
) -> tuple[Settings, ...]:
    """Read several groups from the environment (`environ`, else the process's) and one .env file.

    Raises one SettingsError that lists every wrong setting of every group.
    """
    return _read(classes, environ, env_file, {})


def _read(
    classes: Sequence[type[Settings]],
    environ: Mapping[str, str] | None,
    env_file: EnvPath,
    arguments: Mapping[str, object],
) -> tuple[Settings, ...]:
    environ = os.environ if environ is None else environ
    known = {spec.name for cls in classes for spec in specs_of(cls).values()}
    file = read_env_file(env_file, known)
    problems, groups = list(file.problems), []
    for cls in classes:
        try:
            groups.append(cls(**_givens(cls, environ, file, arguments)))
        except SettingsError as error:
            problems += error.problems
    if problems:
        # A setting that two groups share is wrong once, not twice.
        raise SettingsError(dict.fromkeys(problems))
    for group in groups:
        group._read_notes = _reading_notes(type(group), environ, file, known, arguments)
    return tuple(groups)


def _givens(
    cls: type[Settings], environ: Mapping[str, str], file: EnvFile, arguments: Mapping[str, object]
) -> dict[str, object]:
    """The values given to a group. An empty text in the environment or in .env counts as not set."""
    givens: dict[str, object] = {}
    for attribute, spec in specs_of(cls).items():
        if attribute in arguments or spec.name in arguments:
            continue
        in_file = file.values.get(spec.name)
        if environ.get(spec.name):
            givens[attribute] = Given(environ[spec.name], ENVIRONMENT)
        elif in_file and in_file[0]:
            givens[attribute] = Given(*in_file)
    return {**givens, **arguments}


def _reading_notes(
    cls: type[Settings],
    environ: Mapping[str, str],
    file: EnvFile,
    known: Collection[str],
    arguments: Mapping[str, object],
) -> tuple[str, ...]:
    names = {spec.name: attribute for attribute, spec in specs_of(cls).items()}
    notes = [note for name, note in file.repeats.items() if name in names]
    places = {name: str(source) for name, (_, source) in file.values.items()} | dict.fromkeys(environ, str(ENVIRONMENT))
    for name, place in sorted(places.items()):
        meant = None if name in known else lookalike(name, names, cls.lookalike_prefixes)
        if meant:
            notes.append(f"{name} ({place}) is not a setting and is ignored; did you mean {meant}?")
        if name in names and (name in arguments or names[name] in arguments):
            notes.append(f"{name} ({place}) is ignored, since the program itself sets it.")
    return tuple(notes)
