"""The example of docs/admission.md is a program, and it does what the page says."""

import asyncio
import re
import sys
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.servers import RunningCommand

PAGE = (Path(__file__).parents[2] / "docs" / "admission.md").read_text()
UVICORN = [sys.executable, "-m", "uvicorn", "carry:app", "--lifespan", "off", "--port", "{port}"]
CLIENTS = 30
PLACES = 4


async def test_the_layer_alone_serves_what_fits_and_refuses_the_rest(
    start_command: Callable[..., RunningCommand], tmp_path: Path
) -> None:
    """Four work and some wait, the others get the refusal of the page; the path that is never limited is answered."""
    (example,) = re.findall(r"```python\n# carry.py\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "carry.py").write_text(example)
    running = start_command(UVICORN, cwd=tmp_path)
    await asyncio.to_thread(running.wait_ready, "/health")
    async with httpx.AsyncClient(base_url=running.url, timeout=10) as client:
        *answers, health = await asyncio.gather(*(client.get("/") for _ in range(CLIENTS)), client.get("/health"))
    served = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code == 503]
    assert health.status_code == 200
    assert len(served) >= PLACES
    assert refused
    assert len(served) + len(refused) == CLIENTS
    document = PAGE.partition("HTTP/1.1 503 Service Unavailable\n")[2].partition("\n```")[0].splitlines()[-1]
    for answer in refused:
        assert answer.text == document
        assert answer.headers["content-type"] == "application/problem+json"
        assert 1 <= int(answer.headers["retry-after"]) <= 30
