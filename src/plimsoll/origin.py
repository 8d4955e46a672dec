"""Finds the line of a project's own file that an error came from, for messages without a traceback."""

import traceback
from pathlib import Path


def origin(error: BaseException, directory: Path) -> str:
    """`file, line N` of the innermost frame of `error` in a file under `directory`; empty where there is none."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}"
    home = directory.resolve()
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename).resolve()
        # A virtual environment often lies inside the project's directory.
        if path.is_relative_to(home) and "site-packages" not in path.parts:
            return f"{frame.filename}, line {frame.lineno}"
    return ""
