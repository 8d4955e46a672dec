"""Finds the application that a command is about: `--app module:attribute`, else `[tool.plimsoll]` in pyproject.toml."""

import importlib
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.database import Database
from plimsoll.errors import CommandError
from plimsoll.settings import Settings

HOW = (
    "Name it as in 'plimsoll --app app.main:app ...', or write it into pyproject.toml:\n"
    '  [tool.plimsoll]\n  app = "app.main:app"\n  app-dir = "backend"   # where the module is found, if not here'
)


@dataclass(frozen=True, slots=True)
class Target:
    """An application by its import name, and the directory it is imported from."""

    name: str
    directory: Path

    def load(self) -> tuple[Database, Sequence[Settings]]:
        """Import it; its database and the further settings it was installed with.

        Raises:
            CommandError: it cannot be imported, or has no Plimsoll database.
        """
        found = self._import()
        if isinstance(found, Database):
            return found, ()
        runtime = getattr(getattr(found, "state", None), "plimsoll", None)
        if runtime is None:
            raise CommandError(
                f"{self.name} is a {type(found).__name__} that Plimsoll is not installed in. "
                "Call 'install(app, database)' where it is made, or name a Database."
            )
        return runtime.database, runtime.settings

    def _import(self) -> Any:
        module_name, _, attribute = self.name.partition(":")
        if not module_name or not attribute:
            raise CommandError(f"'{self.name}' does not name an application. {HOW}")
        if str(self.directory) not in sys.path:
            sys.path.insert(0, str(self.directory))
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
                raise
            raise CommandError(
                f"There is no module '{error.name}' in {self.directory} or among the installed packages, "
                f"so '{self.name}' cannot be used. {HOW}"
            ) from error
        if not hasattr(module, attribute):
            raise CommandError(f"The module {module_name} ({module.__file__}) has no '{attribute}'. {HOW}")
        return getattr(module, attribute)


@dataclass(frozen=True, slots=True)
class Named:
    """What the options `--app` and `--app-dir` named."""

    app: str | None
    app_dir: Path | None

    def find(self) -> Target | None:
        """The application of the options, else the one of pyproject.toml here or in a directory above."""
        if self.app is not None:
            return Target(self.app, (self.app_dir or Path.cwd()).resolve())
        for directory in (Path.cwd(), *Path.cwd().parents):
            table = _table(directory / "pyproject.toml")
            if table is not None:
                name = table.get("app")
                if not isinstance(name, str):
                    raise CommandError(f"[tool.plimsoll] in {directory / 'pyproject.toml'} has no 'app'. {HOW}")
                return Target(name, (directory / (self.app_dir or table.get("app-dir", "."))).resolve())
        return None

    def demand(self) -> Target:
        """The same, or `CommandError` where none is named."""
        target = self.find()
        if target is None:
            raise CommandError(f"Which application? {HOW}")
        return target


def _table(pyproject: Path) -> dict[str, Any] | None:
    if not pyproject.is_file():
        return None
    try:
        found = tomllib.loads(pyproject.read_text()).get("tool", {}).get("plimsoll")
    except tomllib.TOMLDecodeError as error:
        raise CommandError(f"{pyproject} cannot be read: {error}.") from error
    return found if isinstance(found, dict) else None
