"""Signing in: with a token and nothing else, at a pace at which none is guessed."""

import hmac
import logging
from typing import Any

import pytest

from plimsoll.console.attempts import WRONG_ALLOWED, WRONG_WINDOW_S
from plimsoll.console.forms import MOST_BYTES
from plimsoll.console.pages import NAMES
from plimsoll.console.routes import PATHS
from plimsoll.console.sessions import LASTS_S, Role
from plimsoll.web import PEER_HEADER
from tests.console.served.service import CSRF, OWN, READ_TOKEN, TOKEN, Console, csrf_of, sign_in

pytestmark = pytest.mark.usefixtures("static")

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE")
ADDRESSES = (*(pattern.replace("*", "main.js") for pattern in PATHS), "/ops/holders/h1/kill")


async def test_the_form_gives_a_session_to_this_site_only() -> None:
    """A cookie that no script reads and no other site sends; the pages then know the role."""
    async with Console().browser() as browser:
        assert (await browser.get("/ops/")).status_code == 401
        answer = await sign_in(browser, TOKEN, data={"next": "routes"})
        assert (answer.status_code, answer.headers["location"]) == (303, "./routes")
        value, *rest = answer.headers["set-cookie"].split("; ")
        assert value.startswith("plimsoll_ops=operator.")
        assert rest == [f"Max-Age={LASTS_S}", "HttpOnly", "SameSite=Strict"]
        for name in NAMES:
            page = await browser.get(f"/ops/{name}")
            assert (page.status_code, 'content="operator"' in page.text) == (200, True)
            assert len(csrf_of(page.text)) == 43


async def test_the_reader_s_token_makes_a_reader() -> None:
    """Whatever else the form has."""
    async with Console().browser() as browser:
        answer = await sign_in(browser, READ_TOKEN, data={"role": "operator"}, headers={"Accept": "application/json"})
        assert answer.json() == {"role": "reader"}
        assert 'content="reader"' in (await browser.get("/ops/")).text


@pytest.mark.parametrize(
    ("base", "headers", "trusted", "secure"),
    [
        ("https://console", {}, (), True),
        ("http://console", {"X-Forwarded-Proto": "https"}, ("10.1.0.0/16",), True),
        ("http://console", {"X-Forwarded-Proto": "http, https"}, ("10.1.0.0/16",), True),
        ("http://console", {"X-Forwarded-Proto": "https"}, ("10.9.9.9",), False),
        ("http://console", {"X-Forwarded-Proto": "http"}, ("10.1.2.3",), False),
    ],
)
async def test_the_cookie_is_for_https_only_where_the_browser_came_by_it(
    base: str, headers: dict[str, str], trusted: tuple[str, ...], secure: bool
) -> None:
    """As we see it, or as a trusted proxy says; nobody else is believed."""
    async with Console(trusted=trusted).browser(base=base) as browser:
        answer = await sign_in(browser, TOKEN, headers={**headers, "Sec-Fetch-Site": "same-origin"})
        assert answer.headers["set-cookie"].endswith("; Secure") is secure


async def test_whoever_guesses_has_to_wait_by_whichever_door() -> None:
    """Wrong tokens of forms and headers count together; others, and who is signed in, are let in meanwhile."""
    console = Console()
    inside, _ = await console.signed_in()
    async with inside, console.browser() as guesser, console.browser(peer="10.7.7.7") as other:
        for number in range(WRONG_ALLOWED):
            wrong = f"guess-number-{number}"
            answer = (
                await sign_in(guesser, wrong)
                if number % 2
                else await guesser.get("/ops/live", headers={"Authorization": f"Bearer {wrong}"})
            )
            assert answer.status_code == 401
        answer = await sign_in(guesser, TOKEN)
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= WRONG_WINDOW_S + 1
        assert "Too many wrong tokens" in answer.text
        assert (await guesser.get("/ops/live", headers={"Authorization": f"Bearer {TOKEN}"})).status_code == 429
        assert (await inside.get("/ops/")).status_code == 200
        assert (await sign_in(other, TOKEN)).status_code == 303
        console.now += WRONG_WINDOW_S + 1
        assert (await sign_in(guesser, TOKEN)).status_code == 303


async def test_a_form_without_a_right_token_is_shown_again() -> None:
    """With what is wrong; scripts are told by the status."""
    async with Console().browser() as browser:
        for token in ("", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "é"):
            answer = await sign_in(browser, token, data={"next": "events"})
            assert (answer.status_code, "set-cookie" in answer.headers) == (401 if token != "é" else 429, False)
            assert 'value="events"' in answer.text
    async with Console().browser() as browser:
        answer = await sign_in(browser, "wrong", headers={**OWN, "Accept": "application/json"})
        assert answer.json() == {"detail": "The token is wrong"}


@pytest.mark.parametrize(
    "place",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "../../x",
        "routes\r\nX-A: b",
        '"><script>',
    ],
)
async def test_nobody_is_sent_elsewhere_after_signing_in(place: str) -> None:
    """Only to one of the pages; and what was asked for is not repeated on any."""
    async with Console().browser() as browser:
        shown = await browser.get("/ops/login", params={"next": place})
        assert 'value=""' in shown.text
        assert (await sign_in(browser, "wrong-token", data={"next": place})).text.count("evil") == 0
        assert (await sign_in(browser, TOKEN, data={"next": place})).headers["location"] == "./"
        assert (await browser.get("/ops/login", params={"next": place})).headers["location"] == "./"


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"token=" + b"x" * MOST_BYTES, "application/x-www-form-urlencoded", 413),
        (f"token={TOKEN}".encode(), "text/plain", 415),
        (f'{{"token":"{TOKEN}"}}'.encode(), "application/json", 415),
        (f"token={TOKEN}&a=1&b=2&c=3&d=4".encode(), "application/x-www-form-urlencoded", 400),
        (b"token=\xff\xfe", "application/x-www-form-urlencoded", 400),
        (b"", "application/x-www-form-urlencoded; charset=utf-8", 401),
    ],
)
async def test_what_is_not_the_form_is_refused(content: bytes, kind: str, status: int) -> None:
    """And no token was looked for in it."""
    async with Console().browser() as browser:
        answer = await browser.post("/ops/login", content=content, headers={**OWN, "Content-Type": kind})
        assert (answer.status_code, "set-cookie" in answer.headers) == (status, False)


async def test_of_a_huge_form_no_more_is_read_than_is_needed_to_refuse_it() -> None:
    """Whoever sends without end fills nobody's memory."""
    sent = 0

    async def body() -> Any:
        nonlocal sent
        while sent < 1_000_000:
            sent += 1_000
            yield b"x" * 1_000

    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    async with Console().browser() as browser:
        answer = await browser.post("/ops/login", content=body(), headers={**OWN, **kind})
    assert (answer.status_code, sent <= MOST_BYTES + 2_000) == (413, True)


async def test_signing_out_ends_the_session_itself() -> None:
    """A copy of the cookie is worth nothing then."""
    console = Console()
    browser, csrf = await console.signed_in()
    async with browser, console.browser() as thief:
        cookie = {"Cookie": f"plimsoll_ops={browser.cookies['plimsoll_ops']}"}
        assert (await thief.get("/ops/", headers=cookie)).status_code == 200
        assert (await browser.post("/ops/logout", headers=OWN)).status_code == 403
        answer = await browser.post("/ops/logout", headers={**OWN, CSRF: csrf})
        assert (answer.status_code, answer.headers["set-cookie"].split(";")[:2]) == (
            200,
            ["plimsoll_ops=", " Max-Age=0"],
        )
        assert (await browser.get("/ops/")).status_code == 401
        assert (await thief.get("/ops/", headers=cookie)).status_code == 401


async def test_other_hosts_are_told_who_signs_out_by_the_host_that_was_asked() -> None:
    """Not by those that it tells. One that cannot be told is named, to the browser and in the log."""
    console = Console()
    console.source.refused = "yes"
    for more in ({}, {PEER_HEADER: "web2:1"}):
        browser, csrf = await console.signed_in()
        async with browser:
            session = browser.cookies["plimsoll_ops"]
            answer = await browser.post("/ops/logout", headers={**OWN, CSRF: csrf, **more})
        asked = [("sign out", f"plimsoll_ops={session}; {csrf}", "")]
        told = "Not signed out of http://web2 (it answers 502): the session goes on there for what is left of its 12 h."
        assert (console.source.done, answer.json()["elsewhere"]) == (([], "") if more else (asked, told))
        console.source.done.clear()


@pytest.mark.parametrize("action", ["login", "logout"])
async def test_a_page_of_another_site_signs_nobody_in_or_out(action: str) -> None:
    """By a form that the browser sends without the cookie: the answer would give it one, or take it away."""
    async with Console().browser() as browser:
        for headers in ({"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"}, {"Origin": "null"}):
            answer = await browser.post(f"/ops/{action}", data={"token": TOKEN}, headers=headers)
            assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


async def test_a_cookie_that_somebody_else_set_beside_ours_does_no_harm() -> None:
    """Before it or after it; a great many are not looked at."""
    console = Console()
    browser, _ = await console.signed_in()
    async with browser, console.browser() as other:
        ours = f"plimsoll_ops={browser.cookies['plimsoll_ops']}"
        for line in (f"plimsoll_ops=x; {ours}", f"a=b;{ours}; plimsoll_ops=x", f"{ours};" + "plimsoll_ops=y;" * 500):
            assert (await other.get("/ops/", headers={"Cookie": line})).status_code == 200
        for line in ("plimsoll_ops", "=;=;;", "plimsoll_ops=" + "x" * 5_000, f"x{ours}", "plimsoll_ops=\xff\xfe"):
            assert (await other.get("/ops/", headers={b"Cookie": line.encode("latin-1")})).status_code == 401


@pytest.mark.parametrize("method", METHODS)
async def test_without_a_token_production_has_no_console_at_all(method: str) -> None:
    """Not even a form, a file or the name of a method that one might try."""
    console = Console(token=None, read_token=None)
    async with console.browser(peer="127.0.0.1", base="http://localhost") as browser:
        for address in ADDRESSES:
            answer = await browser.request(method, address, headers=OWN)
            assert (answer.status_code, "allow" in answer.headers) == (404, False), address


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("127.0.0.1", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
        ("127.0.0.1", {"Origin": "http://localhost"}, 200),
        ("127.0.0.1", {"Origin": "http://localhost:3000"}, 404),
        ("127.0.0.1", {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}, 404),
        ("127.0.0.1", {"Origin": "null", "Sec-Fetch-Site": "cross-site"}, 404),
        ("127.0.0.1", {"Host": "evil.example"}, 404),
        ("127.0.0.1", {"X-Forwarded-For": "10.1.2.3"}, 404),
        ("10.1.2.3", {}, 404),
    ],
)
async def test_without_a_token_development_is_open_to_this_machine(
    peer: str, headers: dict[str, str], status: int
) -> None:
    """By a link from elsewhere too, and not to what a page of another site asks for."""
    console = Console(token=None, read_token=None, production=False)
    async with console.browser(peer=peer, base="http://localhost") as browser:
        answer = await browser.get("/ops/", headers=headers)
        assert answer.status_code == status
        if status == 200:
            assert 'content="operator"' in answer.text
            assert csrf_of(answer.text) == ""


async def test_with_only_a_reader_s_token_nobody_acts() -> None:
    """In development on this machine neither."""
    console = Console(token=None, production=False)
    async with console.browser(peer="127.0.0.1", base="http://localhost") as browser:
        assert (await browser.get("/ops/")).status_code == 401
        bearer = {"Authorization": f"Bearer {READ_TOKEN}"}
        assert (await browser.post("/ops/holders/h1/kill", headers=bearer)).status_code == 403
    assert console.source.done == []


async def test_a_link_from_another_site_finds_who_is_signed_in() -> None:
    """The browser comes without the cookie first, so the page is asked for again, from our own site."""
    console = Console()
    async with console.browser() as browser:
        followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
        answer = await browser.get("/ops/routes", headers=followed)
        assert (answer.status_code, 'http-equiv="refresh"' in answer.text) == (200, True)
        answer = await browser.get("/ops/routes", headers={**followed, "Sec-Fetch-Site": "same-origin"})
        assert answer.status_code == 401


async def test_neither_tokens_nor_sessions_get_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Who came and from where does; what a client makes up for an address adds no line."""
    caplog.set_level(logging.DEBUG, "plimsoll")
    console = Console()
    browser, csrf = await console.signed_in(Role.READER, peer="10.1.2.3\nroot: all is well")
    async with browser:
        await sign_in(browser, "a-wrong-token-0123456789")
        await browser.get("/ops/", headers={"Authorization": "Bearer another-wrong-token-0123"})
        await browser.post("/ops/logout", headers={**OWN, CSRF: csrf})
        secrets = (TOKEN, READ_TOKEN, csrf, "wrong-token-0123", "reader.")
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("plimsoll")]
    assert [line.partition(":")[0] for line in ours] == [
        "signed in",
        *["a wrong token for /ops/ came from 10.1.2.3?root"] * 2,
        "signed out",
    ]
    for secret in secrets:
        assert secret not in caplog.text


async def test_every_token_is_compared_in_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """With both tokens, whole, whichever is right and however long what was given is."""
    compared: list[tuple[int, int]] = []
    really = hmac.compare_digest

    def compare(one: Any, other: Any) -> bool:
        compared.append((len(one), len(other)))
        return really(one, other)

    monkeypatch.setattr("plimsoll.console.access.hmac.compare_digest", compare)
    async with Console().browser() as browser:
        for token in (TOKEN, READ_TOKEN, "x", "y" * 3_000):
            compared.clear()
            await sign_in(browser, token)
            assert compared == [(32, 32), (32, 32)]
