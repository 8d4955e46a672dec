"""The one form of the console: a token. Nothing larger is read."""

from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

MOST_BYTES = 4_096
"""Of the form. A token has some tens; nobody who is not signed in makes us keep more."""

FIELDS = 4

FORM = "application/x-www-form-urlencoded"


class FormError(Exception):
    """It cannot be read; `status` says why."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


async def fields_of(request: Request) -> dict[str, str]:
    """The fields.

    Raises:
        FormError: it is no such form, too large, or its sender has gone.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise FormError(415, f"Send the form as {FORM}.")
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > MOST_BYTES:
                raise FormError(413, f"The form is larger than {MOST_BYTES} bytes.")
    except ClientDisconnect:
        raise FormError(400, "The form did not come to its end.") from None
    try:
        return dict(parse_qsl(body.decode("ascii"), max_num_fields=FIELDS))
    except ValueError:
        raise FormError(400, "The form cannot be read.") from None
