"""The database's own words, and the system's where a driver leaves them out."""

import socket
import ssl

import pytest
from pymysql.err import OperationalError

from plimsoll.server.tls_faults import NO_TLS, is_of_tls
from plimsoll.server.words import words_of


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (ConnectionRefusedError(111, "Connect call failed ('h', 1)"), "no way to h: Connection refused (error 2003)"),
        (socket.gaierror(-2, "Name or service not known"), "no way to h: Name or service not known (error 2003)"),
        (ssl.SSLError(1, "whatever OpenSSL means by it"), "no way to h (error 2003)"),
        (None, "no way to h (error 2003)"),
    ],
)
def test_why_no_connection_was_made_is_told(cause: OSError | None, words: str) -> None:
    """Refused, unknown and unreachable want different things of the one who reads it."""
    error = OperationalError(2003, "no way to h")
    error.__cause__ = cause
    assert words_of(error) == words


def test_tls_is_found_at_the_bottom_of_an_error() -> None:
    """In the words of either driver, or by the class of a cause."""
    error = OperationalError(2003, "cannot connect")
    assert not is_of_tls(error)
    error.__cause__ = ssl.SSLCertVerificationError()
    assert is_of_tls(error)
    assert is_of_tls(OperationalError(2003, NO_TLS))
