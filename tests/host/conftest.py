"""What tests of the host's facts share."""

from pathlib import Path

import pytest

from tests.host.tree import Tree


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A host that the test makes up."""
    return Tree(tmp_path / "host")
