"""What somebody without a token tries at a real service: guessing, pages of another site, names with markup in them,
odd paths."""

import http.client
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import psycopg
import pytest
from playwright.sync_api import Browser, expect

from plimsoll.console.attempts import WRONG_ALLOWED
from tests.console.conftest import Trouble
from tests.console.test_pages import PAGES
from tests.console.trouble import BEARER, SIGNED_OUT, TOKEN, Troubled, signed_in
from tests.servers.places import HOST

pytestmark = pytest.mark.postgres

HOSTILE = "<img src=x onerror=document.title='owned'>"
"""As in the service's route; it fits into an application's name, too."""
GUESSER = "127.0.0.9"

INSIDE = (b'name="csrf"', b"GET /do/", b'"holders"', b"import ", b"root:")
"""Of the pages, the snapshot, a Python file, /etc/passwd."""

TRICKS = [
    "//ops/",
    "///ops//",
    "/./ops/",
    "/ops/.",
    "/ops/./",
    "/ops/../ops/",
    "/ops/%2e/",
    "/ops/%2e%2e/ops/snapshot",
    "/notes/../ops/snapshot",
    "/notes/%2e%2e/ops/snapshot",
    "/ops%2f",
    "/ops%2fsnapshot",
    "/%6fps/snapshot",
    "/ops;/snapshot",
    "/ops/;x=1",
    "/OPS/snapshot",
    "/ops/snapshot/",
    "/ops/snapshot%00",
    "/ops/snapshot%20",
    "/ops/snapshot%3f",
    "/ops\\snapshot",
    "/ops/login/../snapshot",
    "/ops/static/../snapshot",
    "/ops/static/%2e%2e/snapshot",
    "/ops/static/%2e%2e/%2e%2e/live.py",
    "/ops/static/..%2f..%2flive.py",
    "/ops/static/..%5c..%5clive.py",
    "/ops/static/%252e%252e/%252e%252e/live.py",
    "/ops/static//etc/passwd",
    "/ops/static/%2fetc%2fpasswd",
    "/ops/static/../../../../../../../../etc/passwd",
    "/ops/static/uplot/..%2f..%2f..%2flive.py",
    "/ops/static/console.html",
    "http://127.0.0.1/ops/snapshot",
    "http://evil.example/ops/snapshot",
]


def raw(service: Troubled, path: str, headers: str = "") -> tuple[int, bytes]:
    """The answer to a request for exactly this path, which no client has tidied up."""
    with closing(socket.create_connection((HOST, service.command.port), timeout=30)) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: console\r\nConnection: close\r\n{headers}\r\n".encode())
        response = http.client.HTTPResponse(client)
        response.begin()
        return response.status, response.read()


@pytest.mark.parametrize("headers", ["", "X-Original-URL: /ops/snapshot\r\nX-Rewrite-URL: /ops/snapshot\r\n"])
def test_no_way_of_writing_a_path_leads_inside(trouble: Trouble, headers: str) -> None:
    """Without a token; nor does one lead from the files of the console to another one."""
    service = trouble("postgres")
    for path in TRICKS:
        status, body = raw(service, path, headers)
        assert status in (303, 307, 400, 401, 404), path
        assert not any(words in body for words in INSIDE), path
    for path in (path for path in TRICKS if "static" in path):
        _, body = raw(service, path, f"Authorization: Bearer {TOKEN}\r\n")
        assert not any(words in body for words in INSIDE if words not in (b"GET /do/", b'"holders"')), path


def test_who_guesses_at_many_doors_at_a_time_is_let_guess_a_few_times(trouble: Trouble) -> None:
    """Then the right token is not looked at either; others come in meanwhile."""
    service = trouble("postgres")

    def guess(number: int) -> int:
        token = TOKEN if number > 150 else f"guess-number-{number}"
        client = http.client.HTTPConnection(HOST, service.command.port, timeout=30, source_address=(GUESSER, 0))
        with closing(client):
            if number % 2:
                client.request("GET", "/ops/snapshot", headers={"Authorization": f"Bearer {token}"})
            else:
                form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": service.command.url}
                client.request("POST", "/ops/login", body=f"token={token}", headers=form)
            return client.getresponse().status

    with ThreadPoolExecutor(16) as threads:
        statuses = Counter(threads.map(guess, range(150)))
        assert statuses == {401: WRONG_ALLOWED, 429: 150 - WRONG_ALLOWED}
        assert set(threads.map(guess, range(151, 155))) == {429}
    assert service.get("/ops/snapshot", **BEARER)[0] == 200


@contextmanager
def another_site(page: str) -> Iterator[int]:
    """A web server on this machine that serves one page; its port."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer((HOST, 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("host", [HOST, "localhost"], ids=["same site", "another site"])
def test_a_page_of_another_origin_does_nothing_in_an_operator_s_name(
    browser: Browser, trouble: Trouble, host: str
) -> None:
    """Though the browser has the cookie, and sends it from another port of the same host: neither by a form nor by a
    script; and it reads nothing."""
    service = trouble("postgres")
    service.ask("/do/hold")
    (holder,) = service.held(1)
    target = f"{service.url}holders/{holder['id']}/return"
    page = f"""<!doctype html><title>evil</title>
      <iframe name="into"></iframe><iframe src="{service.url}" id="framed"></iframe>
      <form method="post" action="{target}" target="into"></form>
      <script type="module">
        document.forms[0].submit();
        const tries = [
          fetch("{target}", {{method: "POST", mode: "no-cors", credentials: "include"}}).then((got) => got.type),
          fetch("{target}", {{method: "POST", credentials: "include", headers: {{"X-Plimsoll-CSRF": ""}}}}),
          fetch("{service.url}snapshot", {{credentials: "include"}}).then((got) => got.text()),
          fetch("{service.url}logout", {{method: "POST", mode: "no-cors", credentials: "include"}}),
        ];
        const came = await Promise.allSettled(tries);
        document.title = "done: " + came.map((one) => one.status).join(" ");
      </script>"""
    with another_site(page) as port, signed_in(browser, service) as (seen, _):
        expect(seen.page.locator(".holders tbody tr")).to_have_count(1)
        evil = seen.page.context.new_page()
        came: list[int] = []
        evil.on("response", lambda answer: came.append(answer.status) if answer.url == target else None)
        evil.goto(f"http://{host}:{port}/")
        evil.wait_for_function("document.title.startsWith('done')")
        assert evil.title().split()[1:] == ["rejected"] * 4
        assert set(came) == {401}
        assert evil.frame_locator("#framed").get_by_text("Plimsoll").count() == 0
        seen.page.reload()
        expect(seen.page.locator(".holders tbody tr")).to_contain_text("GET /do/hold")
    assert [each["id"] for each in service.held(1)] == [holder["id"]]
    assert not [event for event in service.snapshot()["events"] if event["kind"] == "operator"]


def test_names_with_markup_are_text_on_every_page(browser: Browser, trouble: Trouble) -> None:
    """Those of a route, a statement, a program on the database, and in an event."""
    service = trouble("postgres")
    database = service.database
    place = f"host={database.host} port={database.port} dbname={database.name}"
    with (
        psycopg.connect(place, user=database.user, password=database.password, application_name=HOSTILE),
        signed_in(browser, service) as (seen, _),
    ):
        service.ask(f"/do/{quote(HOSTILE)}")
        expect(seen.page.locator(".problems")).to_contain_text(f"{HOSTILE[:39]}… of {database.user} from")
        expect(seen.page.locator(".problems")).to_contain_text(f"GET /do/{HOSTILE}")
        while not any(HOSTILE in event["text"] for event in service.snapshot()["events"]):
            seen.page.wait_for_timeout(500)
        for name in (name for name in PAGES if name not in ("settings", "checks")):
            page = seen.open(name)
            expect(page.locator("main")).to_contain_text(HOSTILE)
            assert page.locator("img").count() == 0
            assert "owned" not in page.title()
        assert seen.complaints == [SIGNED_OUT]
