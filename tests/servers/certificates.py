"""Certificates for one test server: an authority of its own, the server's certificate, and a client's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import trustme

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Tls:
    """How a server offers TLS: the names in its certificate, and what it demands of clients."""

    names: tuple[str, ...] = ("localhost", "127.0.0.1")
    required: bool = False
    client_certificate: bool = False


@dataclass(frozen=True)
class Certificates:
    """Paths of the PEM files of one server."""

    ca: Path
    server_cert: Path
    server_key: Path
    client_cert: Path
    client_key: Path

    @classmethod
    def issue(cls, directory: Path, tls: Tls) -> Certificates:
        """Make an authority and have it sign a server's and a client's certificate, all below `directory`."""
        directory.mkdir(exist_ok=True)
        files = ("ca.pem", "server.pem", "server.key", "client.pem", "client.key")
        made = cls(*(directory / name for name in files))
        authority = trustme.CA()
        authority.cert_pem.write_to_path(made.ca)
        _write(authority.issue_cert(*tls.names), made.server_cert, made.server_key)
        _write(authority.issue_cert("client@tests.invalid"), made.client_cert, made.client_key)
        return made


def _write(issued: trustme.LeafCert, certificate: Path, key: Path) -> None:
    for index, blob in enumerate(issued.cert_chain_pems):
        blob.write_to_path(certificate, append=index > 0)
    issued.private_key_pem.write_to_path(key)
    key.chmod(0o600)
