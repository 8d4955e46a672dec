"""What clients send and get about accounts."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from app.schemas.values import Answer, Email, Flag, Id, Line120, Request, Time

Role = Literal["user", "vendor", "admin"]
# NIST SP 800-63B asks for at least 8 and for room for 64 or more; the top bounds what argon2 has to read.
Password = Annotated[SecretStr, Field(min_length=10, max_length=128)]


class Registration(Request):
    """A new account. Administrators are not made here but by `plimsoll admin create`."""

    email: Email
    name: Line120
    password: Password
    role: Literal["user", "vendor"] = "user"


class AccountChange(Request):
    """What the owner of an account may change."""

    name: Line120


class PasswordChange(Request):
    """The password of now and the one from now on."""

    current_password: Annotated[SecretStr, Field(max_length=128)]
    new_password: Password


class AccountAdminChange(Request):
    """What an administrator may change: a deactivated account can no longer log in."""

    is_active: Flag


class AccountAnswer(Answer):
    """An account as its owner and administrators see it."""

    id: Id
    email: str
    name: str
    role: Role
    is_active: bool
    created_at: Time


class Token(Answer):
    """A bearer token, as OAuth2 spells it."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - the kind of token, not a secret
    expires_in: int = Field(description="seconds")
