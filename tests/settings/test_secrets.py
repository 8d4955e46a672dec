"""No password is ever in anything that is shown, whatever characters it has and wherever it stands."""

import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from plimsoll.settings import DatabaseSettings, ServiceSettings, Settings, SettingsError, setting
from tests.settings.reading import attempt, refused

# Long enough, and with a mark in it, that it cannot occur in an output by chance.
PASSWORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=12, max_size=40).map(
    lambda text: f"zq{text}qz"
)
URL_SPECIAL = st.text(alphabet="@:/?#[]%&=+;,.'\" ab", min_size=12, max_size=30).map(lambda text: f"zq{text}qz")
ANY_PASSWORD = PASSWORDS | URL_SPECIAL

URLS = (
    "mysql://user:{}@host/db",
    "mysql://:{}@host/db",
    "postgresql+asyncpg://user:{}@host:5432/db?sslmode=prefer",
    "oracle://user:{}@host/db",
    "mysql://user:{}@host",
    "mysql://user:{}@host:port/db",
    "mysql://us/er:{}@host/db",
    "mysql://us@er:{}@host/db",
    "mysql:user:{}@host/db",
    "mysql//user:{}@host/db",
    "user:{}@host/db",
    "{}",
    "sqlite://user:{}@host/db",
    "mysql://user@host/db?password={}",
    "mysql://user@host/db?passwd={}&password={}",
    "mysql://user:x@host/db?password={}",
    "postgresql://user@host/db?sslpassword={}",
    "postgresql://user@host/db?some_secret={}&sslmode=bad",
    " mysql://user:{}@host/db",
    "mysql://user:{}@host/db\n",
)


def shown_by(settings: DatabaseSettings) -> str:
    """Everything that a person or a log may see of settings."""
    return "\n".join(
        (
            repr(settings),
            str(settings),
            repr(settings.model_dump()),
            repr(settings.model_dump(mode="json", by_alias=True)),
            settings.model_dump_json(),
            repr(settings.rows()),
            "\n".join(settings.notes),
            settings.safe_url,
            repr(settings.url),
            str(settings.url),
            repr(settings.production),
            repr(settings.tls),
        )
    )


def assert_hidden(password: str, shown: str) -> None:
    """The password is not in the text, neither as it is nor in any spelling it takes in a URL or a repr."""
    spellings = {password, quote(password, safe=""), quote(password), quote_plus(password), repr(password)[1:-1]}
    spellings.add(json.dumps(password)[1:-1])
    assert not [spelling for spelling in spellings if spelling in shown]


@given(ANY_PASSWORD)
def test_the_password_of_mysql_parts_is_never_shown(password: str) -> None:
    """MYSQL_PASSWORD, with the settings right and with them wrong."""
    environ = {"MYSQL_HOST": "h", "MYSQL_USER": "u", "MYSQL_DATABASE": "d", "MYSQL_PASSWORD": password}
    settings = DatabaseSettings.from_env(environ, None)
    assert settings.url.password == password
    assert_hidden(password, shown_by(settings))
    with pytest.raises(SettingsError) as caught:
        DatabaseSettings.from_env(environ | {"DB_POOL_SIZE": "x", "MYSQL_PORT": "y"}, None)
    assert_hidden(password, f"{caught.value}{caught.value!r}{caught.value.problems!r}")


@pytest.mark.parametrize("url", URLS)
@given(password=ANY_PASSWORD, raw=st.booleans())
def test_the_password_of_a_url_is_never_shown(url: str, password: str, raw: bool) -> None:
    """Encoded or raw, in its place or in the query, in a URL that is right, wrong, or none at all."""
    text = url.replace("{}", password if raw else quote(password, safe=""))
    result = attempt(lambda: DatabaseSettings(database_url=text, production_hosts=("host",)))
    if isinstance(result, SettingsError):
        # An exception that led to it would be shown in the traceback, and may quote the URL.
        assert result.__context__ is None
        shown = f"{result}{result!r}{result.problems!r}"
    else:
        shown = shown_by(result)
    assert_hidden(password, shown)
    assert "zq" not in shown


@given(password=ANY_PASSWORD)
def test_safe_url_still_says_where_the_database_is(password: str) -> None:
    """Only the password is replaced."""
    settings = DatabaseSettings(database_url=f"mysql+aiomysql://user:{quote(password, safe='')}@host:99/db")
    assert settings.url.password == password
    assert settings.safe_url == "mysql+aiomysql://user:***@host:99/db?charset=utf8mb4"
    assert settings.rows()[0].value == "mysql+aiomysql://user:***@host:99/db"


def test_values_of_secret_query_keys_are_replaced() -> None:
    """Keys that look like secrets are hidden, the others are shown."""
    settings = DatabaseSettings(database_url="postgresql+asyncpg://u:p@h/d?auth_token=hunter2&a=b")
    assert settings.safe_url == "postgresql+asyncpg://u:***@h/d?a=b&auth_token=***"
    assert settings.rows()[0].value == settings.safe_url


class Shop(Settings):
    """An application whose check is careless with the secret."""

    key: SecretStr = setting("SHOP_KEY", secret=True, check=lambda key: f"{key.get_secret_value()} is weak")


def test_a_check_that_repeats_the_secret_is_censored() -> None:
    """The application's own words are shown without the secret."""
    problem = refused(lambda: Shop(key=SecretStr("hunter2")))["SHOP_KEY"]
    assert problem.what == "*** is weak"
    assert problem.value == "***"


def test_a_token_to_look_is_another_one_than_the_token_to_act() -> None:
    """Or whoever may only look could act; the message does not say which token it is."""
    same = "a-token-for-everything"
    with pytest.raises(SettingsError) as caught:
        ServiceSettings(ops_token=SecretStr(same), ops_read_token=SecretStr(same))
    assert "OPS_READ_TOKEN" in str(caught.value)
    assert "the same as OPS_TOKEN" in str(caught.value)
    assert same not in str(caught.value)
    ServiceSettings(ops_token=SecretStr(same), ops_read_token=SecretStr(f"{same}-else"))
