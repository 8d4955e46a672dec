"""The console's files: those of the package, by their names, and no other on any machine."""

import pytest
from starlette.types import Message, Scope

from plimsoll.console.files import document
from tests.console.served.conftest import SECRET
from tests.console.served.service import Console

pytestmark = pytest.mark.usefixtures("static")


async def answer_to(console: Console, path: str) -> tuple[int, bytes]:
    """What a request with exactly this path is answered, which no client has tidied up."""
    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode("latin-1", "replace"),
        "query_string": b"",
        "headers": [(b"host", b"console")],
        "client": ("10.1.2.3", 1),
        "http_version": "1.1",
        "scheme": "http",
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await console.app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


async def test_scripts_and_styles_are_served_to_the_form_too() -> None:
    """With what they are, and unchanged ones are not sent again."""
    async with Console().browser() as browser:
        script = await browser.get("/ops/static/main.js")
        assert (script.text, script.headers["content-type"]) == ("// a script", "text/javascript; charset=utf-8")
        style = await browser.get("/ops/static/chart/chart.css")
        assert style.headers["content-type"] == "text/css; charset=utf-8"
        again = await browser.get("/ops/static/main.js", headers={"If-None-Match": script.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        head = await browser.head("/ops/static/main.js")
        assert (head.status_code, head.headers["content-length"]) == (200, "11")


@pytest.mark.parametrize(
    "path",
    [
        "../secret.js",
        "chart/../../secret.js",
        "chart/../main.js",
        "./main.js",
        "/main.js",
        "//main.js",
        "main.js/",
        "main.js\0",
        "main.js\0.css",
        "..\\secret.js",
        "chart\\chart.css",
        "%2e%2e/secret.js",
        "..%2fsecret.js",
        "\u2025/secret.js",
        "/etc/passwd",
        "../../../../../../../../etc/passwd",
        "file:///etc/passwd",
        "C:\\main.js",
        "MAIN.JS",
        "main.js ",
        "main.js;x",
        "notes.py",
        "console.html",
        "login.html",
        "chart",
        "chart/",
        ".",
        "..",
        "",
        "x" * 10_000,
    ],
    ids=lambda path: ascii(path)[:30],
)
async def test_no_other_file_is_served_whatever_the_path_looks_like(path: str) -> None:
    """Nor the documents, whose blanks are empty."""
    status, body = await answer_to(Console(), f"/ops/static/{path}")
    assert (status, body) == (404, b"Not Found\n")
    assert SECRET.encode() not in body


def test_what_fills_a_blank_is_text() -> None:
    """Whatever it is."""
    shown = document("login.html", said="<script>\"'&", next='" onfocus="x')
    assert (
        shown == '<form><input name="next" value="&quot; onfocus=&quot;x"></form><p>&lt;script&gt;&quot;&#x27;&amp;</p>'
    )


async def test_pages_hold_nothing_of_what_the_process_knows() -> None:
    """Names of routes, statements and clients come as data only."""
    console = Console()
    browser, _ = await console.signed_in()
    async with browser:
        page = await browser.get("/ops/", params={"x": "<script>alert(1)</script>"}, headers={"X-A": "<script>"})
    assert console.source.snapshots == 0
    assert "<script>" not in page.text


async def test_the_console_without_its_slash_leads_to_it() -> None:
    """By a relative address, so under any prefix."""
    async with Console().browser() as browser:
        answer = await browser.get("/ops")
        assert (answer.status_code, answer.headers["location"]) == (303, "ops/")
    async with Console().browser(root_path="/api") as browser:
        assert (await browser.get("/api/ops/")).status_code == 401
        assert (await browser.get("/api/ops/static/main.js")).status_code == 200
