"""Registration, log-in, tokens and roles."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from pydantic import SecretStr

from app.core import AppSettings, signing_key
from plimsoll.settings import SettingsError
from tests.backend.service import ADMIN_EMAIL, ADMIN_PASSWORD, PASSWORD, Service, service_on
from tests.servers import TestDatabase

ASHA = {"email": "Asha.Rao@Example.com", "name": "Asha Rao", "password": PASSWORD}


async def test_who_registers_can_log_in_and_read_the_own_account(service: Service) -> None:
    """The e-mail is kept in lower case, and any case of it logs in."""
    made = await service.make("/accounts", ASHA, {})
    assert (made["email"], made["role"], made["is_active"]) == ("asha.rao@example.com", "user", True)
    form = {"username": "ASHA.RAO@example.com", "password": PASSWORD}
    token = (await service.client.post("/token", data=form)).json()
    assert token["expires_in"] == 15 * 60
    own = await service.client.get("/accounts/me", headers={"Authorization": f"Bearer {token['access_token']}"})
    assert own.json() == made


async def test_an_email_registers_once_also_when_two_try_at_once(service: Service) -> None:
    """Of ten simultaneous registrations of one e-mail one is made, and nine are told of the conflict."""
    answers = await asyncio.gather(*(service.client.post("/accounts", json=ASHA) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 9
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["detail"] == "There is an account with this e-mail already."


@pytest.mark.parametrize(
    ("username", "password"),
    [("asha.rao@example.com", "not the password"), ("nobody@example.com", PASSWORD), ("a\x00b@example.com", "x")],
)
async def test_a_wrong_login_says_nothing_about_which_part_is_wrong(
    service: Service, username: str, password: str
) -> None:
    """An unknown e-mail and a wrong password get the same 401."""
    await service.make("/accounts", ASHA, {})
    answer = await service.client.post("/token", data={"username": username, "password": password})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["detail"] == "The e-mail or the password is wrong."


async def test_an_unknown_email_costs_as_much_work_as_a_wrong_password(
    sqlite_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hasher is asked also where there is no account, with no connection held meanwhile."""
    asked: list[tuple[str | None, int]] = []

    async def verify(stored_hash: str | None, _password: str) -> bool:
        asked.append((stored_hash, sqlite_service.checked_out()))
        return False

    monkeypatch.setattr(sqlite_service.app.state.services.hasher, "verify", verify)
    await sqlite_service.client.post("/token", data={"username": "nobody@example.com", "password": "x"})
    assert asked == [(None, 0)]


async def test_the_seeded_administrator_logs_in_and_lists_accounts(service: Service) -> None:
    """The account that start-up has made is an administrator's."""
    form = {"username": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
    token = (await service.client.post("/token", data=form)).json()["access_token"]
    listed = await service.client.get("/admin/accounts", headers={"Authorization": f"Bearer {token}"})
    assert [account["email"] for account in listed.json()["items"]] == [ADMIN_EMAIL]


async def test_nobody_registers_as_an_administrator(sqlite_service: Service) -> None:
    """The role `admin` is refused, and so is a field that registration does not know."""
    for extra in ({"role": "admin"}, {"is_active": False}):
        answer = await sqlite_service.client.post("/accounts", json={**ASHA, **extra})
        assert answer.status_code == 422


async def test_a_refused_registration_does_not_repeat_the_password(sqlite_service: Service) -> None:
    """The answer says where the body is wrong, not what was in it."""
    answer = await sqlite_service.client.post("/accounts", json={**ASHA, "password": "tiny-pw"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["place"] == "body.password"
    assert "tiny-pw" not in answer.text


async def test_a_changed_password_replaces_the_old_one(service: Service) -> None:
    """The current password is asked for, and afterwards only the new one logs in."""
    await service.make("/accounts", ASHA, {})
    form = {"username": ASHA["email"], "password": PASSWORD}
    token = (await service.client.post("/token", data=form)).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    change = {"current_password": "a guess at it", "new_password": "another long secret"}
    assert (await service.client.post("/accounts/me/password", json=change, headers=headers)).status_code == 401
    change["current_password"] = PASSWORD
    assert (await service.client.post("/accounts/me/password", json=change, headers=headers)).status_code == 204
    assert (await service.client.post("/token", data=form)).status_code == 401
    form["password"] = change["new_password"]
    assert (await service.client.post("/token", data=form)).status_code == 200


async def test_a_deactivated_account_is_locked_out(service: Service) -> None:
    """An administrator deactivates an account; it can neither log in nor read itself any more."""
    made = await service.make("/accounts", ASHA, {})
    form = {"username": ASHA["email"], "password": PASSWORD}
    token = (await service.client.post("/token", data=form)).json()["access_token"]
    admin = await service.caller("admin")
    path = f"/admin/accounts/{made['id']}"
    changed = await service.client.patch(path, json={"is_active": False}, headers=admin)
    assert changed.json()["is_active"] is False
    assert (await service.client.post("/token", data=form)).status_code == 401
    own = await service.client.get("/accounts/me", headers={"Authorization": f"Bearer {token}"})
    assert own.status_code == 401


async def test_a_deactivated_administrator_is_one_no_more_at_once(service: Service) -> None:
    """Administrators are looked up in the database: their token alone is not enough."""
    admin, other = await service.caller("admin"), await service.caller("admin")
    other_id = (await service.client.get("/accounts/me", headers=other)).json()["id"]
    await service.client.patch(f"/admin/accounts/{other_id}", json={"is_active": False}, headers=admin)
    assert (await service.client.get("/admin/accounts", headers=other)).status_code == 403


async def test_an_administrator_cannot_lock_himself_out(sqlite_service: Service) -> None:
    """To deactivate oneself is a conflict."""
    admin = await sqlite_service.caller("admin")
    own_id = (await sqlite_service.client.get("/accounts/me", headers=admin)).json()["id"]
    path = f"/admin/accounts/{own_id}"
    answer = await sqlite_service.client.patch(path, json={"is_active": False}, headers=admin)
    assert answer.status_code == 409


async def test_tokens_that_are_not_ours_or_not_of_now_are_refused(sqlite_service: Service) -> None:
    """A foreign key, an expired token, one without a role and no token at all are each a 401."""
    good = {"iss": "venue-booking", "sub": "1", "role": "user", "exp": datetime.now(UTC) + timedelta(minutes=5)}
    ours = "k" * 40
    bad = [
        jwt.encode(good, "x" * 40, "HS256"),
        jwt.encode({**good, "exp": datetime.now(UTC) - timedelta(seconds=1)}, ours, "HS256"),
        jwt.encode({**good, "iss": "elsewhere"}, ours, "HS256"),
        jwt.encode({**good, "sub": "me"}, ours, "HS256"),
        jwt.encode({name: value for name, value in good.items() if name != "role"}, ours, "HS256"),
        jwt.encode(good, "", "none"),
        "nonsense",
    ]
    for token in bad:
        answer = await sqlite_service.client.get("/bookings", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401, token
        assert answer.headers["www-authenticate"] == "Bearer"
    assert (await sqlite_service.client.get("/bookings")).status_code == 401


def test_production_refuses_a_missing_or_short_key() -> None:
    """SECRET_KEY needs 32 characters in production, and the error does not repeat it."""
    for settings in (AppSettings(), AppSettings(secret_key=SecretStr("short-secret-key"))):
        with pytest.raises(SettingsError, match="SECRET_KEY") as caught:
            signing_key(settings, production=True)
        assert "short-secret-key" not in str(caught.value)
    assert signing_key(AppSettings(secret_key=SecretStr("k" * 32)), production=True) == b"k" * 32


async def test_development_makes_up_a_key_of_its_own(
    sqlite_database: TestDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    """Two starts have two keys. The log says what that means, and operators see all that start-up warned of; whoever
    asks for the health page does not."""
    first, second = (signing_key(AppSettings(), production=False) for _ in range(2))
    assert first != second
    assert len(first) == 32
    async with service_on(sqlite_database.url, secret_key=None) as service:
        seen = service.app.state.plimsoll.observer.snapshot().worker.warnings
        ready = await service.client.get("/health/ready")
    warned = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert any(words.startswith("SECRET_KEY is not set: access tokens are good until") for words in warned)
    assert set(warned) <= set(seen)
    assert "SECRET_KEY" not in ready.text


async def test_a_token_lives_as_long_as_the_setting_says(sqlite_database: TestDatabase) -> None:
    """TOKEN_MINUTES is the life of a token."""
    async with service_on(sqlite_database.url, token_minutes=2) as service:
        await service.make("/accounts", ASHA, {})
        form = {"username": ASHA["email"], "password": PASSWORD}
        answer = (await service.client.post("/token", data=form)).json()
        claims = jwt.decode(answer["access_token"], "k" * 40, ["HS256"], issuer="venue-booking")
        assert claims["exp"] - claims["iat"] == answer["expires_in"] == 120
