"""Answers of what is for operators: no cache keeps one, and none lets a browser load or send anything elsewhere."""

from collections.abc import Mapping

from starlette.responses import JSONResponse, PlainTextResponse, Response

from plimsoll.asgi.messages import MEDIA_TYPE, Refusal
from plimsoll.errors import UnknownWorkerError

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

EVERY = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not "no-referrer": with that a browser says "Origin: null" of our own form, as of any other site's.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def guarded(response: Response) -> Response:
    """The same with the headers that all have, unless it has its own."""
    for name, value in EVERY.items():
        response.headers.setdefault(name, value)
    return response


def detail(status: int, text: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """A refusal in FastAPI's form."""
    return JSONResponse({"detail": text}, status, {"Cache-Control": "no-store", **(headers or {})})


def plain(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """A refusal for who has asked for a page that there is not."""
    return PlainTextResponse(f"{text}\n", status, headers)


def problem(refusal: Refusal) -> Response:
    """A refusal as a problem document."""
    headers = {} if refusal.retry_after_s is None else {"Retry-After": str(refusal.retry_after_s)}
    return Response(refusal.body, refusal.status, headers, MEDIA_TYPE.decode())


def unknown(error: UnknownWorkerError) -> Response:
    """No worker has the name that was asked for."""
    return problem(Refusal(404, "unknown-worker", "Not Found", error.message))


def page(text: str, status: int = 200) -> Response:
    """A document."""
    return Response(text, status, media_type="text/html")


def to(place: str) -> Response:
    """Go there: `place` is relative, so that no prefix of a proxy needs to be known, and none of ours can be wrong."""
    return Response(status_code=303, headers={"Location": place})
