"""The kernel kills a worker of the running service for want of memory, in a control group of its own."""

import http.client
import time
from contextlib import suppress
from urllib.request import Request, urlopen

from tests.checks.breakages.conftest import Make
from tests.checks.breakages.groups import memory_group
from tests.checks.breakages.test_breakages import named
from tests.servers import RunningCommand

MIB = 1 << 20

LIMIT_BYTES = 700 * MIB
"""Two workers and what starts them need some 300 MiB."""

EATING_PAGE = """
import asyncio


@app.post("/reports")
async def reports() -> int:
    # In a thread, so that the worker goes on answering to whoever looks whether it lives.
    return await asyncio.to_thread(lambda: len(b"x" * (900 << 20)))
"""

STARTED = "Application startup complete"


def _wait_for_starts(service: RunningCommand, count: int) -> None:
    """Return when so many workers have started, the first ones included."""
    ends_s = time.monotonic() + 60
    while service.output().count(STARTED) < count:
        assert time.monotonic() < ends_s, service.output()
        time.sleep(0.1)


def test_a_worker_that_the_kernel_killed_is_named_and_nothing_else(make_deployment: Make) -> None:
    """It was replaced, and all answer again: only the group's counter tells, to the worker that was there before."""
    deployment = make_deployment("mariadb")
    deployment.append("app/main.py", EATING_PAGE)
    deployment.set(WEB_CONCURRENCY="2")
    with memory_group(LIMIT_BYTES) as deployment.group:
        deployment.serve()
        service = deployment.service
        assert service is not None
        try:
            _wait_for_starts(service, 2)
            with suppress(OSError, http.client.HTTPException):  # the connection ends with the worker
                urlopen(Request(f"{service.url}/reports", method="POST"), timeout=60).close()
            _wait_for_starts(service, 3)
            checked = deployment.after()
        finally:
            service.close()
    assert set(named(checked)) == {"PL803"}, f"{named(checked)}\n{service.output()}"
    found = checked["PL803"]
    assert found["level"] == "error"
    assert found["evidence"].startswith("1 kill since the workers began, 1 in the life of their control group")
    assert checked["PL708"]["evidence"] == "2 workers answered, as declared"
