"""TLS to the database: the mode, the files, and the one SSL context that all connections share."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

TlsPart = Literal["ca", "cert", "key"]
TlsMode = Literal["require", "verify-ca", "verify-full"]

MINIMUM_VERSION = ssl.TLSVersion.TLSv1_2
"""TLS 1.0 and 1.1 are deprecated by RFC 8996."""


class TlsFileError(Exception):
    """A certificate or key file cannot be used: which one, and words that follow its name."""

    def __init__(self, part: TlsPart, what: str) -> None:
        super().__init__(part, what)
        self.part = part
        self.what = what


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """How connections to the database are encrypted. "require" encrypts and checks no certificate.

    Without `ca` the certificates that the system trusts are used. `cert` and `key` are ours, for a server
    that asks for a certificate of its clients.
    """

    mode: TlsMode
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    _made: list[ssl.SSLContext] = field(default_factory=list, init=False, repr=False, compare=False)

    def context(self) -> ssl.SSLContext:
        """The SSL context, made at the first call: one a connection would cost some 900 KiB and 35 ms each.

        Raises TlsFileError.
        """
        if not self._made:
            self._made.append(self._make())
        return self._made[0]

    def wrong_files(self) -> list[TlsFileError]:
        """Every file that cannot be used: each looked at by itself, then certificate and key together."""
        wrong = []
        if self.ca is not None:
            wrong += _errors_of("ca", self.ca)
        if self.cert is not None:
            wrong += _errors_of("cert", self.cert)
        if self.key is not None:
            wrong += _errors_of("key", self.key)
        if self.cert is not None and self.key is not None and not {"cert", "key"} & {e.part for e in wrong}:
            wrong += _errors_of_pair(self.cert, self.key)
        return wrong

    def _make(self) -> ssl.SSLContext:
        for error in self.wrong_files():
            raise error
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = MINIMUM_VERSION
        context.check_hostname = self.mode == "verify-full"
        context.verify_mode = ssl.CERT_NONE if self.mode == "require" else ssl.CERT_REQUIRED
        if self.mode != "require" and self.ca is None:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        if self.ca is not None:
            context.load_verify_locations(cafile=self.ca)
        if self.cert is not None:
            context.load_cert_chain(self.cert, self.key)
        return context

    def __reduce__(self) -> tuple[type["TlsSettings"], tuple[TlsMode, Path | None, Path | None, Path | None]]:
        # A context can be neither pickled nor copied; the copy makes its own.
        return (type(self), (self.mode, self.ca, self.cert, self.key))


class _EncryptedKeyError(Exception):
    """OpenSSL asked for the passphrase of a key."""


def _no_passphrase() -> str:
    raise _EncryptedKeyError


def _errors_of(part: TlsPart, path: Path) -> list[TlsFileError]:
    try:
        with path.open("rb"):
            pass
        if part != "key":
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        return [TlsFileError(part, "has no certificate in PEM form in it")]
    except OSError as error:
        return [TlsFileError(part, f"cannot be read: {error.strerror or error}")]
    return []


def _errors_of_pair(cert: Path, key: Path) -> list[TlsFileError]:
    """What is wrong with a key, given a certificate that has been found good."""
    try:
        # Without a function of our own OpenSSL would ask for the passphrase on the terminal, and wait.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(cert, key, password=_no_passphrase)
    except _EncryptedKeyError:
        return [TlsFileError("key", "is encrypted; a key without a passphrase is needed")]
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            return [TlsFileError("key", "is not the key of the certificate")]
        return [TlsFileError("key", "has no private key in PEM form in it")]
    return []
