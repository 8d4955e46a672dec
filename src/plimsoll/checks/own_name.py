"""Finds the name by which another process can import the application of this one: what is served is looked for among
the modules that are loaded, since each server is told in its own way what to serve."""

import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

NOT_TO_IMPORT = frozenset({"__main__", "__mp_main__"})
"""A program that was started: imported, it might start a second time."""


@dataclass(frozen=True, slots=True)
class OwnName:
    """`module:attribute`, and the directory that the module is imported from."""

    name: str
    directory: Path


def own_name(*objects: object) -> OwnName | None:
    """Of the first of `objects` that is an attribute of a module; None where none is, as where a function makes the
    application. Some milliseconds: each name of each module is looked at."""
    modules = [(name, module) for name, module in list(sys.modules.items()) if name not in NOT_TO_IMPORT]
    for wanted in objects:
        for name, module in modules:
            directory = _directory(name, module)
            if directory is None:
                continue
            for attribute, value in list(vars(module).items()):
                if value is wanted:
                    return OwnName(f"{name}:{attribute}", directory)
    return None


def _directory(name: str, module: object) -> Path | None:
    """None for what cannot be imported by its name from a file, such as a script that was loaded under another one."""
    file = getattr(module, "__file__", None) if isinstance(module, ModuleType) else None
    if not isinstance(file, str):
        return None
    path = Path(file).absolute()
    path = path.parent if path.name == "__init__.py" else path
    if path.stem != name.rpartition(".")[2]:
        return None
    return path.parents[name.count(".")]
