"""What is refused as an administrator's password, and what the refusal says."""

import os
import secrets
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.seeding import password_problem
from plimsoll.seeding.strength import DEFAULT_PASSWORDS
from tests.seeding.accounts import GOOD_PASSWORD, OTHER_GOOD_PASSWORD

EMAIL = "jane.doe@blue-harbour.example"
NAME = "Jane van Doe"


def problem(password: str | None) -> str:
    return password_problem(password, email=EMAIL, name=NAME) or ""


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        (None, "No password is set"),
        ("", "No password is set"),
        ("   \t", "No password is set"),
        ("x" * 1025, "over 1024 characters"),
        ("half a pair \ud800", "no valid text"),
        ("Admin", "well-known default"),
        ("ChangeMe", "well-known default"),
        ("ChangeMe!2026", "well-known default"),
        ("P@ssw0rd", "well-known default"),
        ("P@ssw0rd20261231!", "well-known default"),
        ("administrator1234", "well-known default"),
        ("JANE.DOE@blue-harbour.example", "own name or e-mail"),
        ("blue-harbour.example", "own name or e-mail"),
        ("blue-harbour2026!!", "own name or e-mail"),
        ("Jane van Doe", "own name or e-mail"),
        ("janevandoe2026", "own name or e-mail"),
        ("k7#Qz!m2", "has 8 characters"),
        ("k7#Qz!m2pW9", "has 11 characters"),
        ("zzzzzzzzzzzzzz", "repeats itself"),
        ("k7#Qk7#Qk7#Q", "repeats itself"),
        ("123456789012", "repeats itself or runs"),
        ("zyxwvutsrqponmlk", "repeats itself or runs"),
        ("qwertyuiopqw", "repeats itself or runs"),
        ("1qaz2wsx3edc", "breaches"),
        ("Finalfantasy", "breaches"),
        ("Dragon-2026-05!", "breaches"),
        ("dr4g0n20260512", "breaches"),
    ],
)
def test_a_bad_password_is_refused_with_its_reason(password: str | None, reason: str) -> None:
    """Each kind of bad password has a text of its own."""
    assert reason in problem(password)


@pytest.mark.parametrize(
    "password",
    [
        GOOD_PASSWORD,
        OTHER_GOOD_PASSWORD,
        "k7#Qz!m2pW9v",
        "dragon-48219377501936",  # the tail alone is long enough to be random
        "über die Brücke bei Nacht",
        "482193775019",  # digits, yet in no order
    ],
)
def test_a_good_password_is_accepted(password: str) -> None:
    """Long and unknown is enough: there are no rules on kinds of characters."""
    assert problem(password) == ""


def test_what_the_texts_recommend_is_accepted() -> None:
    """The command that the refusals name makes passwords that are accepted."""
    assert {problem(secrets.token_urlsafe(18)) for _ in range(300)} == {""}


def test_every_default_is_refused_decorated_or_not() -> None:
    """Neither another case nor a year and a sign make a default acceptable."""
    for default in DEFAULT_PASSWORDS:
        for form in (default, default.upper(), default.title(), f"{default}2026!"):
            assert problem(form), form


@given(st.text(max_size=1100).map(lambda text: "§" + text))
def test_no_text_quotes_the_password(password: str) -> None:
    """Whatever the password, the refusal does not hold it, and says what to do."""
    text = problem(password)
    assert password not in text
    assert not text or "Choose one" in text


def test_a_service_does_not_load_the_lists() -> None:
    """The 11 MB of common passwords are loaded when a password is judged, not with the package."""
    check = "import plimsoll.seeding, sys; sys.exit('zxcvbn' in sys.modules)"
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", check], env=environ, check=False).returncode == 0
