"""Which states of MySQL's and MariaDB's process list are a wait for a table that others have locked."""

import pytest

from plimsoll.server.mysql_locks import is_waiting


@pytest.mark.parametrize(
    ("state", "waits"),
    [
        ("Waiting for table metadata lock", True),
        ("Waiting for table level lock", True),
        ("Waiting for global read lock", True),
        ("Waiting for table flush", True),
        ("Waiting for backup lock", True),
        ("User lock", False),
        ("Waiting for query cache lock", False),
        ("Waiting for an event from Coordinator", False),
        ("Sending data", False),
        ("", False),
    ],
)
def test_a_state_is_a_wait_for_a_table_or_not(state: str, waits: bool) -> None:
    """GET_LOCK and the query cache's mutex are none: no transaction has them."""
    assert is_waiting(state) is waits
