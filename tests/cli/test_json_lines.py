"""LOG_FORMAT=json: whatever a service's processes write, each line is an object, and tells of its request."""

import io
import json
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plimsoll.cli.json_lines import Printed
from tests.cli.conftest import APPLICATION
from tests.servers import REPOSITORY, RunningCommand, TestDatabase

Start = Callable[..., RunningCommand]
PAGE = REPOSITORY / "docs" / "serving.md"
SECRET = "hunter2-is-no-password"

NOISY = (
    APPLICATION
    + """
import asyncio, logging, sys, threading, warnings
print("said while it is imported\\nin two lines")


class Odd:
    def __del__(self):
        raise ValueError("in __del__")


async def fails():
    raise LookupError("in a task")


@app.get("/noise/{number}")
async def noise(number: int):
    print("printed")
    print("half a line", end="")
    sys.stderr.write(", and the rest\\n")
    logging.getLogger("elsewhere").warning("of a logger of nobody")
    warnings.warn("of a library", RuntimeWarning)
    thread = threading.Thread(target=lambda: 1 / 0, name="worker-7")
    thread.start()
    thread.join()
    Odd()
    asyncio.create_task(fails())
    await asyncio.sleep(0.01)
    raise RuntimeError("in a handler, \\u2028 \\x1b[2J")
"""
)


def ask(url: str) -> int:
    """With an id of a proxy's."""
    request = urllib.request.Request(url, headers={"X-Request-ID": "proxy-1", "Authorization": f"Bearer {SECRET}"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize("workers", ["1", "2"])
def test_every_line_is_an_object_whoever_wrote_it(
    tmp_path: Path, sqlite_database: TestDatabase, start_command: Start, workers: str
) -> None:
    """Prints, warnings, other loggers, tracebacks of handlers, tasks, threads and finalizers, the server's lines."""
    (tmp_path / "shop.py").write_text(NOISY)
    command = (sys.executable, "-m", "plimsoll", "--app", "shop:app", "--app-dir", str(tmp_path), "serve")
    environ = sqlite_database.environ(WEB_CONCURRENCY=workers, LOG_FORMAT="json", OPS_TOKEN=SECRET)
    service = start_command(command, env=environ).wait_ready("/health/ready")
    assert ask(f"{service.url}/noise/7") == 500
    assert service.terminate(20) == 0
    output = service.output()
    assert SECRET not in output
    # What is printed at the import of the application by the command itself comes before it knows how to write.
    begin = next(place for place, line in enumerate(output.splitlines()) if line.startswith("{"))
    lines: list[dict[str, Any]] = [json.loads(line) for line in output.splitlines()[begin:]]
    assert set(output.splitlines()[:begin]) <= {"said while it is imported", "in two lines"}
    by_logger: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        by_logger.setdefault(line["logger"], []).append(line)
    assert {"uvicorn.error", "plimsoll.startup"} <= set(by_logger)
    printed = [line["message"] for line in by_logger["stdout"]]
    assert {"printed", "[DB] Development mode: Tables created/verified"} <= set(printed)
    assert any(line.startswith("Serving shop:app at") for line in printed)
    assert by_logger["elsewhere"][0]["route"] == "/noise/{number}"
    assert "RuntimeWarning: of a library" in by_logger["py.warnings"][0]["message"]
    told = {line["exception"].split("\n")[-1]: line for line in lines if "exception" in line}
    assert {"ZeroDivisionError: division by zero", "ValueError: in __del__", "LookupError: in a task"} <= set(told)
    handler = next(line for words, line in told.items() if words.startswith("RuntimeError: in a handler"))
    assert (handler["request_id"], handler["logger"]) == ("proxy-1", "uvicorn.error")
    assert "worker-7" in told["ZeroDivisionError: division by zero"]["message"]
    (access,) = [line for line in by_logger["uvicorn.access"] if "/noise/" in line["message"]]
    assert (access["request_id"], access["status"], access["path"]) == ("proxy-1", 500, "/noise/7")


def test_another_server_does_the_same_by_the_configuration_that_is_documented(
    tmp_path: Path, sqlite_database: TestDatabase, start_command: Start
) -> None:
    """Its own lines, what is printed, and a traceback with the id of its request."""
    (configuration,) = re.findall(r"```json\n(\{\"version\": 1.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "log.json").write_text(configuration)
    (tmp_path / "shop.py").write_text(NOISY)
    options = ("--port", "{port}", "--app-dir", str(tmp_path), "--log-config", str(tmp_path / "log.json"))
    command = (sys.executable, "-m", "uvicorn", "shop:app", *options)
    service = start_command(command, env=sqlite_database.environ()).wait_ready("/health/ready")
    assert ask(f"{service.url}/noise/7") == 500
    service.terminate(20)
    lines = [json.loads(line) for line in service.output().splitlines()]
    assert "[DB] Development mode: Tables created/verified" in {line["message"] for line in lines}
    (failed,) = [line for line in lines if "RuntimeError: in a handler" in line.get("exception", "")]
    assert failed["request_id"] == "proxy-1"


def test_lines_are_written_when_they_end() -> None:
    """However they came, with whatever is in them."""
    below = io.StringIO()
    stream = Printed("stdout", below)
    for part in ("one", " and ", "a half\ntwo\r\n\nth", "ree"):
        assert stream.write(part) == len(part)
    messages = [json.loads(line)["message"] for line in below.getvalue().splitlines()]
    assert messages == ["one and a half", "two", ""]
    below.truncate(0)
    stream.write('\n{"event": "of structlog"}\n{"event": "half\n')
    assert [json.loads(line).get("event") for line in below.getvalue().lstrip("\0").splitlines()] == [
        None,
        "of structlog",
        None,
    ]
    with pytest.raises(TypeError):
        stream.write(b"bytes")  # type: ignore[arg-type]
