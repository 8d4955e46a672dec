"""Finds the application that a command is about: `--app module:attribute`, else `[tool.plimsoll]` in pyproject.toml."""

import importlib
import os
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any

from plimsoll.database import Database
from plimsoll.errors import CommandError, PlimsollError
from plimsoll.origin import origin
from plimsoll.settings import ServiceSettings, Settings

HOW = (
    "Name it as in 'plimsoll --app app.main:app ...', or write it into pyproject.toml:\n"
    '  [tool.plimsoll]\n  app = "app.main:app"\n  app-dir = "backend"   # where the module is found, if not here'
)
KEYS = ("app", "app-dir")
CHECKS = "checks"


@dataclass(frozen=True, slots=True)
class Target:
    """An application by its import name, the directory it is imported from, and the one it is run in."""

    name: str
    directory: Path
    home: Path

    def load(self) -> tuple[Database, Sequence[Settings]]:
        """Import it; its database and the further settings it was installed with.

        From then on the process is in `home`, where the application's .env and relative paths are looked for.

        Raises:
            CommandError: it cannot be imported, or has no Plimsoll database.
            SettingsError: its settings are wrong.
        """
        os.chdir(self.home)
        found = self._find()
        if isinstance(found, Database):
            return found, ()
        runtime = getattr(getattr(found, "state", None), "plimsoll", None)
        if runtime is None:
            raise CommandError(
                f"{self.name} is a {type(found).__name__} that Plimsoll is not installed in. "
                "Call 'install(app, database)' where it is made, or name a Database."
            )
        return runtime.database, runtime.settings

    def _find(self) -> Any:
        module_name, _, attribute = self.name.partition(":")
        if not module_name or not attribute:
            raise CommandError(f"'{self.name}' does not name an application. {HOW}")
        if str(self.directory) not in sys.path:
            sys.path.insert(0, str(self.directory))
        module = self._import(module_name)
        try:
            return attrgetter(attribute)(module)
        except AttributeError as error:
            raise CommandError(f"The module {module_name} ({module.__file__}) has no '{attribute}'. {HOW}") from error

    def _import(self, module_name: str) -> ModuleType:
        try:
            return importlib.import_module(module_name)
        except PlimsollError:
            raise
        except Exception as error:
            missing = error.name if isinstance(error, ModuleNotFoundError) else None
            if missing is not None and f"{module_name}.".startswith(f"{missing}."):
                raise CommandError(
                    f"There is no module '{missing}' in {self.directory} or among the installed packages, "
                    f"so '{self.name}' cannot be used. {HOW}"
                ) from error
            where = origin(error, self.directory)
            raise CommandError(
                f"The application '{self.name}' cannot be imported: {type(error).__name__}: {error}"
                f"{f' ({where})' if where else ''}. PLIMSOLL_TRACEBACK=1 shows all of it."
            ) from error


@dataclass(frozen=True, slots=True)
class Named:
    """What the options `--app` and `--app-dir` named."""

    app: str | None
    app_dir: Path | None

    def find(self) -> Target | None:
        """The application of the options, else the one of pyproject.toml here or in a directory above.

        Raises:
            CommandError: pyproject.toml cannot be read, or what it says of Plimsoll is wrong.
        """
        here = Path.cwd()
        if self.app is not None:
            return Target(self.app, (self.app_dir or here).resolve(), here)
        for home in (here, *here.parents):
            table = _table(home / "pyproject.toml")
            if table is not None:
                directory = self.app_dir.resolve() if self.app_dir else (home / table.get("app-dir", ".")).resolve()
                return Target(table["app"], directory, home)
        return None

    def demand(self) -> Target:
        """The same, or `CommandError` where none is named."""
        target = self.find()
        if target is None:
            raise CommandError(f"Which application? {HOW}")
        return target


def service_of(groups: Sequence[Settings]) -> ServiceSettings | None:
    """Those of the service, of what `Target.load` gives; None where the application was not installed with any."""
    return next((group for group in groups if isinstance(group, ServiceSettings)), None)


def _table(pyproject: Path) -> dict[str, str] | None:
    """What `[tool.plimsoll]` says, checked; None where there is no such file or table."""
    if not pyproject.is_file():
        return None
    try:
        content = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"{pyproject} cannot be read: {error}.") from error
    tool = content.get("tool")
    found = tool.get("plimsoll") if isinstance(tool, dict) else None
    if found is None:
        return None
    # What was accepted of the checklist stands there too (`plimsoll.checks.suppressions`).
    found = {key: value for key, value in found.items() if key != CHECKS} if isinstance(found, dict) else found
    if not found:
        return None
    wrong = [key for key, value in found.items() if key not in KEYS or not isinstance(value, str)]
    if wrong or "app" not in found:
        what = f"'{wrong[0]}' is not a text under one of the names {', '.join(KEYS)}" if wrong else "it has no 'app'"
        raise CommandError(f"[tool.plimsoll] in {pyproject} is wrong: {what}. {HOW}")
    return dict(found)
