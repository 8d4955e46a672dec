"""What an operator does: meant by an operator, on a page of this console."""

import pytest

from plimsoll.console.answers import POLICY
from plimsoll.console.sessions import Role
from tests.console.served.service import CSRF, OWN, READ_TOKEN, TOKEN, Console

pytestmark = pytest.mark.usefixtures("static")

KILL = "/ops/holders/h12/kill"


@pytest.mark.parametrize(("address", "what"), [(KILL, "kill"), ("/ops/holders/h12/return", "return")])
async def test_an_operator_acts(address: str, what: str) -> None:
    """What came of it is told, and who it was is passed on."""
    console = Console()
    browser, csrf = await console.signed_in()
    async with browser:
        answer = await browser.post(address, headers={**OWN, CSRF: csrf})
    assert (answer.status_code, answer.json()) == (200, {"result": f"{what} done"})
    assert console.source.done == [(what, "h12", "operator at 10.1.2.3")]


async def test_a_script_acts_with_the_token_alone() -> None:
    """No browser adds that header by itself."""
    console = Console()
    async with console.browser() as script:
        answer = await script.post(KILL, headers={"Authorization": f"Bearer {TOKEN}"})
    assert (answer.status_code, len(console.source.done)) == (200, 1)


async def test_another_host_acts_on_this_one_alone_and_says_for_whom() -> None:
    """On one line, whatever it says."""
    console = Console()
    async with console.browser() as script:
        for asks in ("web-2:7; operator at 10.0.0.9", "web-2:7", f"{'x' * 500}; \t\x7f"):
            headers = {"Authorization": f"Bearer {TOKEN}", "X-Plimsoll-Peer": asks}
            assert (await script.post(KILL, headers=headers)).status_code == 200
        assert (await script.post(KILL, headers={"X-Plimsoll-Peer": "web-2:7"})).status_code == 401
    here = ("here", "", "")
    first, second, third = (each for each in console.source.done if each != here)
    assert console.source.done[:6:2] == [here] * 3
    assert first == ("kill", "h12", "operator at 10.0.0.9, through web-2:7")
    assert second == ("kill", "h12", "operator at 10.1.2.3, through web-2:7")
    assert third[2].isprintable()
    assert len(third[2]) == 200


@pytest.mark.parametrize(
    "forged",
    [
        {CSRF: None},
        {CSRF: ""},
        {CSRF: "x" * 43},
        {CSRF: "other"},
        {CSRF: "\xff"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": None, "Origin": "http://evil.example"},
        {"Sec-Fetch-Site": None, "Origin": "http://console.evil.example"},
        {"Sec-Fetch-Site": None, "Origin": "http://console:8080"},
        {"Sec-Fetch-Site": None, "Origin": "null"},
        {"Sec-Fetch-Site": None, "Origin": "file://console"},
        {"Sec-Fetch-Site": None, "Origin": "http://evil.example", "X-Forwarded-Host": "evil.example"},
    ],
    ids=str,
)
async def test_a_request_that_no_page_of_ours_made_does_nothing(forged: dict[str, str | None]) -> None:
    """Though the browser sends the cookie: without the value of this very session, or from another site."""
    console = Console()
    (browser, csrf), (other, others_csrf) = await console.signed_in(), await console.signed_in()
    headers = {**OWN, CSRF: csrf, **forged}
    if headers[CSRF] == "other":
        headers[CSRF] = others_csrf
    async with browser, other:
        answer = await browser.post(
            KILL, headers={k.encode(): v.encode("latin-1") for k, v in headers.items() if v is not None}
        )
        assert answer.status_code in (401, 403)
        assert (await browser.post(KILL, headers={**OWN, CSRF: csrf})).status_code == 200
    assert len(console.source.done) == 1


@pytest.mark.parametrize(
    ("base", "trusted", "headers", "status"),
    [
        ("http://console:8000", (), {"Origin": "http://console:8000"}, 200),
        ("https://console", (), {"Origin": "https://console"}, 200),
        ("https://console", (), {"Origin": "http://console"}, 401),
        ("http://inner", ("10.1.2.3",), {"Origin": "https://shop.example", "X-Forwarded-Host": "shop.example"}, 200),
        ("http://inner", (), {"Origin": "https://shop.example", "X-Forwarded-Host": "shop.example"}, 401),
        ("http://inner", (), {"Origin": "https://shop.example", "Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
async def test_our_own_site_is_known_behind_a_proxy(
    base: str, trusted: tuple[str, ...], headers: dict[str, str], status: int
) -> None:
    """By what the browser says, by the host it asked for, or by what a trusted proxy says of that."""
    console = Console(trusted=trusted)
    browser, csrf = await console.signed_in(base=base)
    async with browser:
        assert (await browser.post(KILL, headers={CSRF: csrf, **headers})).status_code == status


async def test_in_development_without_a_token_a_page_of_another_site_does_nothing() -> None:
    """Neither by a form, nor by a script that the application's CORS rules would let through."""
    console = Console(token=None, read_token=None, production=False)
    async with console.browser(peer="127.0.0.1", base="http://localhost") as browser:
        form = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
        assert (await browser.post(KILL, headers=form)).status_code == 404
        assert (await browser.post(KILL, headers={**form, CSRF: ""})).status_code == 404
        assert (await browser.post(KILL)).status_code == 403
        assert (await browser.post(KILL, headers={CSRF: "", "Origin": "http://localhost"})).status_code == 200


async def test_a_reader_does_nothing() -> None:
    """By cookie or by token; nor does who is nobody."""
    console = Console()
    browser, csrf = await console.signed_in(Role.READER)
    async with browser, console.browser() as nobody:
        assert (await browser.post(KILL, headers={**OWN, CSRF: csrf})).json()["code"] == "operators-only"
        assert (await nobody.post(KILL, headers={"Authorization": f"Bearer {READ_TOKEN}"})).status_code == 403
        assert (await nobody.post(KILL, headers={**OWN, CSRF: csrf})).status_code == 401
        forged = {
            **OWN,
            CSRF: csrf,
            "Cookie": f"plimsoll_ops={browser.cookies['plimsoll_ops'].replace('reader', 'operator')}",
        }
        assert (await nobody.post(KILL, headers=forged)).status_code == 401
    assert console.source.done == []


async def test_what_cannot_be_done_is_said() -> None:
    """With the words of who tried."""
    console = Console()
    console.source.refused = "This connection has been given back already."
    browser, csrf = await console.signed_in()
    async with browser:
        answer = await browser.post(KILL, headers={**OWN, CSRF: csrf})
    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
    assert answer.json()["detail"] == "This connection has been given back already."


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_nothing_is_done_by_another_method(method: str) -> None:
    """Not even with all that is needed; nor where a header asks to take it for a POST."""
    console = Console()
    browser, csrf = await console.signed_in()
    async with browser:
        headers = {**OWN, CSRF: csrf, "X-HTTP-Method-Override": "POST"}
        answer = await browser.request(method, KILL, headers=headers, params={"_method": "POST"})
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert console.source.done == []


@pytest.mark.parametrize("holder", ["", "h1/x", "..", "h1%00", "h1%0d%0a", "x" * 101, "%E2%80%AE"])
async def test_what_names_no_connection_is_not_passed_on(holder: str) -> None:
    """A line break would go into the log, and a reversed text into what operators read."""
    console = Console()
    async with console.browser() as script:
        answer = await script.post(f"/ops/holders/{holder}/kill", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 404
    assert console.source.done == []


async def test_every_answer_binds_the_browser_to_this_site() -> None:
    """Pages, files, refusals, results: scripts and styles of our own only, in no frame, and in no cache but files."""
    console = Console()
    browser, csrf = await console.signed_in()
    async with browser, console.browser() as nobody:
        answers = [
            await browser.get("/ops/"),
            await nobody.get("/ops/"),
            await nobody.get("/ops/live"),
            await nobody.get("/ops"),
            await nobody.put("/ops/"),
            await nobody.get("/ops/static/nothing.js"),
            await browser.get("/ops/static/main.js"),
            await browser.post(KILL, headers={**OWN, CSRF: csrf}),
            await browser.post(KILL, headers=OWN),
        ]
    for answer in answers:
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        fresh = "no-cache" if answer.request.url.path == "/ops/static/main.js" else "no-store"
        assert answer.headers["cache-control"] == fresh
    assert "unsafe" not in POLICY
