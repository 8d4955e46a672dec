"""Which route a request is for: learned from those before it, never from what a client makes up."""

from types import SimpleNamespace
from typing import Any

import pytest

from plimsoll.asgi.routes import LONGEST, REMEMBERED, SURE, Kind, Kinds
from plimsoll.limiter import Priority


def scope(path: str, template: str | None = None, method: str = "GET", root_path: str = "") -> dict[str, Any]:
    """A request; with `template`, as the framework leaves it when it has found the route."""
    found: dict[str, Any] = {"path": path, "method": method, "root_path": root_path}
    if template is not None:
        found["route"] = SimpleNamespace(path=template, methods={"GET", "POST"})
    return found


def serve(kinds: Kinds, *arguments: Any, took: bool = False, **named: Any) -> Kind:
    """One request from beginning to end; what it was taken for at its beginning."""
    asked = scope(*arguments, **named)
    kind = kinds.of({name: value for name, value in asked.items() if name != "route"})
    kinds.learn(asked, kind, took_connection=took)
    return kind


def test_a_route_is_known_from_its_first_request_on() -> None:
    """By its pattern, whatever stands in the place of its parameters; another method is another kind."""
    kinds = Kinds()
    assert serve(kinds, "/items/1", "/items/{item_id}").name == "unknown"
    assert serve(kinds, "/items/1", "/items/{item_id}").name == "GET /items/{item_id}"
    assert serve(kinds, "/items/2", "/items/{item_id}").name == "GET /items/{item_id}"
    assert serve(kinds, "/items/2/parts", "/items/{item_id}/parts").name == "unknown"
    assert serve(kinds, "/items/2", "/items/{item_id}", method="POST").name == "unknown"
    assert sorted(kind.name for kind in kinds.all()) == [
        "GET /items/{item_id}",
        "GET /items/{item_id}/parts",
        "POST /items/{item_id}",
    ]


def test_a_route_below_a_root_path_is_known_by_the_whole_of_it() -> None:
    """As in an application that is mounted."""
    kinds = Kinds()
    serve(kinds, "/api/items/1", "/items/{item_id}", root_path="/api")
    assert serve(kinds, "/api/items/2", "/items/{item_id}", root_path="/api").name == "GET /api/items/{item_id}"


@pytest.mark.parametrize("first", ["/items/new", "/items/{item_id}"])
def test_a_fixed_path_is_not_taken_for_one_with_a_parameter(first: str) -> None:
    """Whichever of the two was seen first."""
    kinds = Kinds()
    requests = [("/items/new", "/items/new"), ("/items/1", "/items/{item_id}")]
    for path, template in requests if first == "/items/new" else reversed(requests):
        serve(kinds, path, template)
    for path, template in requests:
        assert serve(kinds, path, template).name == f"GET {template}"


def test_a_route_that_took_no_connection_often_enough_is_not_limited_until_it_does() -> None:
    """It may still be one that takes one now and then."""
    kinds = Kinds()
    for _ in range(SURE):
        assert kinds.of(scope("/static")).limited
        serve(kinds, "/static", "/static")
    kind = serve(kinds, "/static", "/static")
    assert not kinds.of(scope("/static")).limited
    kinds.learn(scope("/static", "/static"), kind, took_connection=True)
    assert kinds.of(scope("/static")).limited
    for _ in range(2 * SURE):
        serve(kinds, "/static", "/static")
    assert kinds.of(scope("/static")).limited, "one that has taken a connection may again"


def test_what_no_route_serves_stays_unknown_and_limited() -> None:
    """A client that asks for what is not there learns the same as the others in overload."""
    kinds = Kinds()
    for number in range(2 * SURE):
        kind = serve(kinds, f"/wp-login.php/{number}")
        assert (kind.name, kind.limited) == ("unknown", True)
    assert kinds.all() == []


def test_a_client_cannot_add_to_what_is_remembered() -> None:
    """Neither by paths, nor by long ones, nor by methods of its own, which the framework answers with 405."""
    kinds = Kinds()
    for number in range(REMEMBERED + 100):
        serve(kinds, f"/made/up/{number}")
        assert len(kinds._by_path) <= REMEMBERED
    before = set(kinds._by_path)
    serve(kinds, "/" + "x" * LONGEST)
    assert set(kinds._by_path) == before
    serve(kinds, "/items/1", "/items/{item_id}")
    for number in range(50):
        serve(kinds, "/items/1", "/items/{item_id}", method=f"METHOD{number}")
    assert [kind.name for kind in kinds.all()] == ["GET /items/{item_id}"]


def test_the_longest_pattern_that_fits_gives_the_priority() -> None:
    """Before and after the route is known."""
    kinds = Kinds({"/admin/*": Priority.HIGH, "/admin/reports/*": Priority.LOW, "/ping": Priority.ALWAYS})
    expected = {
        "/admin": Priority.HIGH,
        "/admin/users": Priority.HIGH,
        "/admin/reports/1": Priority.LOW,
        "/administration": Priority.NORMAL,
        "/ping": Priority.ALWAYS,
        "/ping/pong": Priority.NORMAL,
    }
    for _ in range(2):
        assert {path: serve(kinds, path, path).priority for path in expected} == expected


@pytest.mark.parametrize("pattern", ["/ping", "/api/ping", "/p*", "/api/*"])
def test_a_pattern_is_written_with_or_without_the_root_path(pattern: str) -> None:
    """As the application's own routes are, or as clients see it; a path that only begins like it is another."""
    kinds = Kinds({pattern: Priority.ALWAYS})
    assert kinds.of(scope("/api/ping", root_path="/api")).priority is Priority.ALWAYS
    assert kinds.of(scope("/apis/ping", root_path="/api")).priority is Priority.NORMAL


def test_an_exact_pattern_counts_before_a_beginning() -> None:
    """Though `/admin/*` is longer than `/admin`, which fits it too."""
    kinds = Kinds({"/admin/*": Priority.HIGH, "/admin": Priority.LOW})
    assert kinds.of(scope("/admin")).priority is Priority.LOW
    assert kinds.of(scope("/admin/")).priority is Priority.HIGH


@pytest.mark.parametrize("pattern", ["/ad*", "/adm*"])
def test_a_star_in_the_middle_of_a_word_is_no_directory(pattern: str) -> None:
    """Only `/admin/*` fits `/admin` itself; no other pattern fits what is shorter than it."""
    kinds = Kinds({pattern: Priority.HIGH})
    assert kinds.of(scope("/admin")).priority is Priority.HIGH
    assert kinds.of(scope(pattern[:-2])).priority is Priority.NORMAL


@pytest.mark.parametrize("first", ["/admin/list", "/items/list"])
def test_one_route_may_serve_paths_of_several_priorities(first: str) -> None:
    """The path decides, not which of them came first."""
    kinds = Kinds({"/admin/*": Priority.HIGH})
    serve(kinds, first, "/{section}/list")
    for _ in range(2):
        assert serve(kinds, "/admin/list", "/{section}/list").priority is Priority.HIGH
        assert serve(kinds, "/items/list", "/{section}/list").priority is Priority.NORMAL
    assert {kinds.of(scope(path)).name for path in ("/admin/list", "/items/list")} == {"GET /{section}/list"}
