"""Whether TLS is why a connection did not come about: drivers report that like a server that is down."""

import ssl

NO_TLS = "the server offers no TLS, which DB_SSL_MODE demands"

ADVICE = (
    "Check DB_SSL_CA, DB_SSL_MODE and the host's name in the certificate, and that the server offers TLS: the server "
    "answered, and no trusted connection came of it."
)

_WORDS = (
    "certificate verify failed",  # libpq has no class for it, only OpenSSL's words
    "server does not support SSL",  # libpq
    "rejected SSL upgrade",  # asyncpg
    "WRONG_VERSION_NUMBER",  # OpenSSL, where asyncmy goes on with TLS although none is offered
    NO_TLS,
)


def is_of_tls(error: BaseException | None) -> bool:
    """Whether a certificate that is not accepted, or a server without TLS, is at the bottom of an error."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError) or any(words in str(error) for words in _WORDS):
            return True
        error = error.__cause__ or error.__context__
    return False
