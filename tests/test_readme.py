"""The README's example is a program, and it does what the README says."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.servers import RunningCommand, TestDatabase

README = Path(__file__).parents[1] / "README.md"

MODELS = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Item(Base):
    __tablename__ = "item"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
"""


def test_the_example_serves_and_writes(
    sqlite_database: TestDatabase, start_command: Callable[..., RunningCommand], tmp_path: Path
) -> None:
    """As its reader would: saved as shop.py beside models.py, served by the command that is given."""
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    (tmp_path / "shop.py").write_text(example)
    (tmp_path / "models.py").write_text(MODELS)
    command = [sys.executable, "-m", "plimsoll", "--app", "shop:app", "serve"]
    running = start_command(command, env=sqlite_database.environ(), cwd=tmp_path).wait_ready("/health/ready")
    answer = httpx.post(f"{running.url}/items", params={"name": "lamp"})
    assert (answer.status_code, answer.json()) == (201, {"id": 1})
    assert sqlite_database.sql("SELECT name FROM item") == [("lamp",)]


def test_nothing_is_left_to_fill_in() -> None:
    """Real output, not a place for it; and every page that is named is there."""
    text = README.read_text()
    assert not re.search(r"@@\w+@@|TODO|FIXME", text)
    for page in re.findall(r"\]\(([\w./-]+)\)", text):
        assert (README.parent / page).exists(), page
