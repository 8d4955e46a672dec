"""An application declares its own groups of settings and reads them together with ours."""

from pathlib import Path
from typing import Literal, Self

import pytest
from pydantic import EmailStr, SecretStr, field_validator, model_validator

from plimsoll.settings import DatabaseSettings, SettingRow, Settings, SettingsError, read_settings, setting
from tests.settings.reading import refused


def no_odd(number: int) -> str | None:
    """A check of an application."""
    return "is odd" if number % 2 else None


class AppSettings(Settings):
    """What a small service would declare."""

    secret_key: SecretStr = setting("SECRET_KEY", secret=True, help="Signs tokens")
    token_minutes: int = setting("TOKEN_MINUTES", default=30, ge=1, le=1440, unit="min", check=no_odd, help="Life")
    mode: Literal["fast", "safe"] = setting("APP_MODE", default="safe")
    contact: EmailStr | None = setting("CONTACT", default=None, allowed="an e-mail address")
    upload: Path = setting("UPLOAD_DIR", default=Path("uploads"))


class Validated(Settings):
    """A group with validators of pydantic's own."""

    low: int = setting("LOW", default=1)
    high: int = setting("HIGH", default=2)
    key: SecretStr = setting("KEY", default="", secret=True)

    @field_validator("low")
    @classmethod
    def _low(cls, low: int) -> int:
        if low == 13:
            raise ValueError("brings bad luck")
        return low

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"LOW is above HIGH, says {self.key.get_secret_value()}")
        return self


def test_an_application_has_settings_with_the_same_means() -> None:
    """Values, sources, units, bounds and help of a group, secrets hidden."""
    settings = AppSettings.from_env({"SECRET_KEY": "hunter2", "TOKEN_MINUTES": "60"}, None)
    assert settings.secret_key.get_secret_value() == "hunter2"
    assert settings.upload == Path("uploads")
    assert settings.rows()[:2] == [
        SettingRow("SECRET_KEY", "***", "environment", "", "text", "Signs tokens"),
        SettingRow("TOKEN_MINUTES", "60", "environment", "min", "a whole number from 1 to 1440", "Life"),
    ]
    assert "hunter2" not in f"{settings!r}{settings.model_dump_json()}{settings.rows()}"


def test_what_each_process_makes_up_where_it_is_not_set_is_noted() -> None:
    """By its name, with what comes of it; nothing is noted of one that is set."""

    class Signing(Settings):
        key: SecretStr | None = setting("KEY", default=None, secret=True, made_up="tokens end with the process")

    for environ in ({}, {"KEY": ""}):
        unset = Signing.from_env(environ, None)
        assert unset.made_up == {"KEY": "KEY is not set: tokens end with the process."}
        assert unset.notes == ("KEY is not set: tokens end with the process.",)
    given = Signing.from_env({"KEY": "k"}, None)
    assert (given.made_up, given.notes) == ({}, ())


def test_a_setting_without_a_default_must_be_set() -> None:
    """It is refused in the same error as everything else."""
    problems = refused(lambda: AppSettings.from_env({"TOKEN_MINUTES": "61", "CONTACT": "nobody"}, None))
    assert problems["SECRET_KEY"].what == "is not set, and it has no default"
    assert problems["SECRET_KEY"].value == "(not set)"
    assert problems["TOKEN_MINUTES"].what == "is odd"
    assert problems["CONTACT"].allowed == "an e-mail address"


def test_several_groups_are_read_at_once_and_refused_in_one_error() -> None:
    """read_settings gives one object a class, or one error with the problems of all."""
    environ = {"SECRET_KEY": "k", "DB_POOL_SIZE": "7"}
    database, app = read_settings(DatabaseSettings, AppSettings, environ=environ, env_file=None)
    assert (database.pool_size, app.token_minutes) == (7, 30)
    problems = refused(
        lambda: read_settings(
            AppSettings, DatabaseSettings, environ={"DB_POOL_SIZE": "x", "APP_MODE": "x"}, env_file=None
        )
    )
    assert set(problems) == {"SECRET_KEY", "APP_MODE", "DB_POOL_SIZE"}


def test_a_setting_of_one_group_is_no_slip_in_another() -> None:
    """A name that some group of the application has is known to all."""

    class Reports(Settings):
        """A group with a name that is close to one of ours."""

        sizes: int = setting("DB_POOL_SIZES", default=1)

    environ = {"DB_POOL_SIZES": "3"}
    database, _ = read_settings(DatabaseSettings, Reports, environ=environ, env_file=None)
    assert not [note for note in database.notes if "DB_POOL_SIZES" in note]
    assert [note for note in DatabaseSettings.from_env(environ, None).notes if "DB_POOL_SIZES" in note]


def test_a_subclass_may_change_a_default() -> None:
    """A service sets its production hosts this way, and the environment can still name others."""

    class ServiceSettings(DatabaseSettings):
        """The database of one service."""

        production_hosts: tuple[str, ...] = setting("PRODUCTION_HOSTS", default=("taxtower.in",))

    url = {"DATABASE_URL": "mysql://u:p@db.taxtower.in/d"}
    assert ServiceSettings.from_env(url, None).production.reason == "DATABASE_URL contains taxtower.in"
    assert not ServiceSettings.from_env(url | {"PRODUCTION_HOSTS": "other.example"}, None).production.active


def test_validators_of_pydantic_run_and_their_words_are_censored() -> None:
    """What an application checks with pydantic becomes a problem like any other."""
    assert "brings bad luck" in refused(lambda: Validated(low=13, high=20))["LOW"].what
    with pytest.raises(SettingsError) as caught:
        Validated(low=3, high=2, key=SecretStr("hunter2"))
    assert "LOW is above HIGH, says ***" in str(caught.value)
    assert caught.value.__context__ is None


def test_a_mapping_can_be_validated_by_pydantic() -> None:
    """model_validate takes the same values and is as strict."""
    assert Validated.model_validate({"LOW": 0, "high": "5"}).high == 5
    assert "LOW" in refused(lambda: Validated.model_validate({"LOW": 1.5}))


def test_a_wrong_declaration_shows_when_the_class_is_made() -> None:
    """A plain str for a secret, a default outside its bounds and a field without setting() are TypeErrors."""
    with pytest.raises(TypeError, match=r"Leaky\.key is secret, so its type must be SecretStr"):

        class Leaky(Settings):
            key: str = setting("KEY", default="", secret=True)

    with pytest.raises(TypeError, match=r"the default of Outside\.number is above 5"):

        class Outside(Settings):
            number: int = setting("NUMBER", default=6, le=5)

    with pytest.raises(TypeError, match=r"Plain.number is not declared with setting\(...\)"):

        class Plain(Settings):
            number: int = 6
