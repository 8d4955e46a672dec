"""Documents of the tests' own, so that these know nothing of how the real ones look."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from plimsoll.console import files

SECRET = "not to be served"


@pytest.fixture
def static(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the console's files, in place of the package's."""
    folder = tmp_path / "package" / "static"
    (folder / "chart").mkdir(parents=True)
    (folder / "console.html").write_text('<meta name="csrf" content="{csrf}"><meta name="role" content="{role}">')
    (folder / "login.html").write_text('<form><input name="next" value="{next}"></form><p>{said}</p>')
    (folder / "main.js").write_text("// a script")
    (folder / "chart" / "chart.css").write_text("/* a style */")
    (folder / "notes.py").write_text(SECRET)
    (folder.parent / "secret.js").write_text(SECRET)
    monkeypatch.setattr(files, "_folder", lambda: folder)
    for cached in (files.served, files._document):
        cached.cache_clear()
    yield folder
    for cached in (files.served, files._document):
        cached.cache_clear()
