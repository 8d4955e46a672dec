"""TLS to the database: modes, files, keys in the URL, and the one shared context."""

import copy
import pickle
import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from plimsoll.settings import DatabaseSettings, TlsSettings
from tests.settings.reading import SQLITE, read, refused_read

MYSQL = "mysql+aiomysql://u:p@h/d"
POSTGRES = "postgresql+asyncpg://u:p@h/d"


@dataclass(frozen=True)
class Files:
    """Good files, and one of each kind that is not."""

    ca: str
    cert: str
    key: str
    other_key: str
    encrypted_key: str
    nonsense: str


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A certificate authority, a client's certificate and key, and files that are wrong."""
    place = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    client, other = authority.issue_cert("client@example.org"), authority.issue_cert("other@example.org")
    authority.cert_pem.write_to_path(place / "ca.pem")
    client.cert_chain_pems[0].write_to_path(place / "cert.pem")
    client.private_key_pem.write_to_path(place / "key.pem")
    other.private_key_pem.write_to_path(place / "other.pem")
    key = load_pem_private_key(client.private_key_pem.bytes(), None)
    (place / "encrypted.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    )
    (place / "nonsense.pem").write_text("nonsense\n")
    names = ("ca", "cert", "key", "other", "encrypted", "nonsense")
    return Files(*(str(place / f"{name}.pem") for name in names))


def tls_of(settings: DatabaseSettings) -> TlsSettings:
    """The TLS settings, which must be there."""
    assert settings.tls is not None
    return settings.tls


def test_without_tls_settings_there_is_no_tls() -> None:
    """Off is the default, and can be said."""
    assert read(DATABASE_URL=MYSQL).tls is None
    assert read(DATABASE_URL=MYSQL, DB_SSL_MODE="off").tls is None


def test_a_ca_file_turns_on_full_verification(files: Files) -> None:
    """DB_SSL_CA alone means verify-full: certificate and host name are checked against that file only."""
    tls = tls_of(read(DATABASE_URL=MYSQL, DB_SSL_CA=files.ca))
    context = tls.context()
    assert tls == TlsSettings("verify-full", Path(files.ca))
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.cert_store_stats()["x509"] == 1


@pytest.mark.parametrize(
    ("mode", "verify", "names"),
    [
        ("require", ssl.CERT_NONE, False),
        ("verify-ca", ssl.CERT_REQUIRED, False),
        ("verify-full", ssl.CERT_REQUIRED, True),
    ],
)
def test_each_mode_checks_what_it_says(mode: str, verify: ssl.VerifyMode, names: bool) -> None:
    """require checks nothing, verify-ca the certificate, verify-full the name as well; TLS 1.2 or later."""
    context = tls_of(read(DATABASE_URL=MYSQL, DB_SSL_MODE=mode)).context()
    assert (context.verify_mode, context.check_hostname) == (verify, names)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_the_context_is_made_once_and_shared(files: Files) -> None:
    """A context a connection would cost a megabyte and 35 ms each."""
    settings = read(DATABASE_URL=MYSQL, DB_SSL_CA=files.ca, DB_SSL_CERT=files.cert, DB_SSL_KEY=files.key)
    assert tls_of(settings).context() is tls_of(settings).context()


def test_settings_with_a_context_can_be_copied_and_pickled(files: Files) -> None:
    """A context itself can be neither; the copy makes its own."""
    settings = read(DATABASE_URL=MYSQL, DB_SSL_CA=files.ca)
    for other in (copy.deepcopy(settings), pickle.loads(pickle.dumps(settings))):
        assert other == settings
        assert tls_of(other).context() is not tls_of(settings).context()


@pytest.mark.parametrize(
    ("changes", "name", "what"),
    [
        ({"DB_SSL_CA": "/no/such"}, "DB_SSL_CA", "cannot be read: No such file or directory"),
        ({"DB_SSL_CA": "/"}, "DB_SSL_CA", "cannot be read: Is a directory"),
        ({"DB_SSL_CA": "nonsense"}, "DB_SSL_CA", "has no certificate in PEM form in it"),
        ({"DB_SSL_CERT": "nonsense"}, "DB_SSL_CERT", "has no certificate in PEM form in it"),
        ({"DB_SSL_KEY": "/no/such"}, "DB_SSL_KEY", "cannot be read: No such file or directory"),
        ({"DB_SSL_KEY": "nonsense"}, "DB_SSL_KEY", "has no private key in PEM form in it"),
        ({"DB_SSL_KEY": "other_key"}, "DB_SSL_KEY", "is not the key of the certificate"),
        ({"DB_SSL_KEY": "encrypted_key"}, "DB_SSL_KEY", "is encrypted; a key without a passphrase is needed"),
        ({"DB_SSL_KEY": ""}, "DB_SSL_KEY", "is not set, but DB_SSL_CERT is"),
        ({"DB_SSL_CERT": ""}, "DB_SSL_CERT", "is not set, but DB_SSL_KEY is"),
    ],
)
@pytest.mark.parametrize("mode", ["verify-full", "off"])
def test_a_file_that_cannot_be_used_is_refused_at_start(
    files: Files, changes: dict[str, str], name: str, what: str, mode: str
) -> None:
    """Also while TLS is off, so that switching it on is no leap in the dark; no passphrase is asked for."""
    environ = {"DB_SSL_CA": files.ca, "DB_SSL_CERT": files.cert, "DB_SSL_KEY": files.key}
    environ |= {key: getattr(files, value, value) for key, value in changes.items()}
    problems = refused_read(**environ, DATABASE_URL=MYSQL, DB_SSL_MODE=mode)
    assert {key: problem.what for key, problem in problems.items()} == {name: what}


def test_every_wrong_file_is_listed() -> None:
    """Three wrong files are three problems."""
    environ = {"DB_SSL_CA": "/a", "DB_SSL_CERT": "/b", "DB_SSL_KEY": "/c"}
    assert set(refused_read(**environ)) == set(environ)


@pytest.mark.parametrize(
    ("query", "mode"),
    [
        ("sslmode=disable", None),
        ("sslmode=prefer", "require"),
        ("sslmode=allow", "require"),
        ("sslmode=require", "require"),
        ("sslmode=verify-ca", "verify-ca"),
        ("sslmode=verify-full", "verify-full"),
        ("sslrootcert=system", "verify-full"),
        ("ssl=true", "require"),
        ("ssl=false", None),
        ("ssl-mode=REQUIRED", "require"),
        ("ssl_mode=VERIFY_IDENTITY", "verify-full"),
    ],
)
@pytest.mark.parametrize("url", [MYSQL, POSTGRES])
def test_tls_keys_are_taken_out_of_the_url_and_obeyed(url: str, query: str, mode: str | None) -> None:
    """Drivers differ in these keys and fail on each other's; the SSL context is passed instead."""
    settings = read(DATABASE_URL=f"{url}?{query}&a=b")
    assert (settings.tls.mode if settings.tls else None) == mode
    assert set(settings.url.query) - {"charset"} == {"a"}
    says_so = any("which may fall back to no encryption" in note for note in settings.notes)
    assert says_so == (query in ("sslmode=prefer", "sslmode=allow"))


@pytest.mark.parametrize(
    "keys", [("sslrootcert", "sslcert", "sslkey"), ("ssl_ca", "ssl_cert", "ssl_key"), ("ssl-ca", "ssl-cert", "ssl-key")]
)
def test_files_named_in_the_url_are_used(files: Files, keys: tuple[str, str, str]) -> None:
    """libpq's and MySQL's names for the three files."""
    ca, cert, key = keys
    settings = read(DATABASE_URL=f"{POSTGRES}?{ca}={files.ca}&{cert}={files.cert}&{key}={files.key}")
    assert settings.tls == TlsSettings("verify-full", Path(files.ca), Path(files.cert), Path(files.key))
    assert settings.url.query == {}


def test_a_root_certificate_makes_require_check_the_certificate(files: Files) -> None:
    """What libpq does with these two keys, and it is said."""
    settings = read(DATABASE_URL=f"{POSTGRES}?sslmode=require&sslrootcert={files.ca}")
    assert tls_of(settings).mode == "verify-ca"
    assert any("(verify-ca)" in note for note in settings.notes)


def test_settings_win_over_keys_in_the_url_and_it_is_said(files: Files) -> None:
    """DB_SSL_* are ours; the URL may have been copied from elsewhere."""
    settings = read(
        DATABASE_URL=f"{POSTGRES}?sslmode=disable&sslrootcert=/no/such",
        DB_SSL_MODE="verify-ca",
        DB_SSL_CA=files.ca,
    )
    assert settings.tls == TlsSettings("verify-ca", Path(files.ca))
    assert settings.notes == (
        "sslrootcert in DATABASE_URL is ignored, since DB_SSL_CA is set.",
        "sslmode in DATABASE_URL is ignored, since DB_SSL_MODE is set.",
    )


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ("sslmode=maybe", "has a value of sslmode that is not known"),
        ("sslpassword=hunter2", "has the key sslpassword, which is not supported"),
        ("ssl_check_hostname=0", "has the key ssl_check_hostname, which is not supported"),
        ("sslmode=require&ssl=true", "has the key ssl twice, or once more under another name"),
        ("sslmode=require&sslmode=disable", "has the key sslmode twice, or once more under another name"),
        ("sslrootcert=/no/such", "names a file as sslrootcert that cannot be read: No such file or directory"),
    ],
)
def test_tls_keys_that_are_wrong_are_refused(query: str, what: str) -> None:
    """A key about encryption is never dropped in silence."""
    problem = refused_read(DATABASE_URL=f"{POSTGRES}?{query}")["DATABASE_URL"]
    assert problem.what == what
    assert "hunter2" not in str(problem)


def test_half_a_pair_in_the_url_is_refused(files: Files) -> None:
    """The message names the key of the URL that the other half came with."""
    problems = refused_read(DATABASE_URL=f"{POSTGRES}?sslcert={files.cert}")
    assert problems["DB_SSL_KEY"].what == "is not set, but sslcert in DATABASE_URL is"


def test_files_that_the_mode_does_not_use_are_noted(files: Files) -> None:
    """A CA file under require or off looks like protection and is none."""
    assert "The CA file is not used: the TLS mode is require, which checks no certificate." in (
        read(DATABASE_URL=MYSQL, DB_SSL_MODE="require", DB_SSL_CA=files.ca).notes
    )
    assert "TLS to the database is off, so its certificate and key files are not used." in (
        read(DATABASE_URL=MYSQL, DB_SSL_MODE="off", DB_SSL_CA=files.ca).notes
    )


def test_sqlite_has_no_tls_and_it_is_said(files: Files) -> None:
    """A file needs none."""
    settings = read(DATABASE_URL=SQLITE, DB_SSL_CA=files.ca)
    assert settings.tls is None
    assert settings.notes == ("TLS settings are ignored: SQLite is a file, not a server.",)
