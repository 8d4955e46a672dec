"""Variables of the process that checks look at: what the command gathers of them."""

from tests.checks.conftest import Deployment


def test_the_key_of_tls_is_seen_by_its_path_and_its_password_is_not(on_sqlite: Deployment) -> None:
    """UVICORN_SSL_KEYFILE tells that TLS ends in the process; the password of that key is nobody's business."""
    on_sqlite.set(UVICORN_SSL_KEYFILE="/etc/ssl/venues.key", UVICORN_SSL_KEYFILE_PASSWORD="of-that-key-42")
    checked = on_sqlite.check("--only", "PL911")
    assert checked.found == {"PL911"}
    assert "ssl_keyfile (UVICORN_SSL_KEYFILE)" in checked["PL911"]["evidence"]
    assert "of-that-key" not in str(checked.report)
