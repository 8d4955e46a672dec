"""Sessions of browsers: signed, so that every worker that has the same tokens accepts them and none has to keep them.

Each role's are signed with a key made from that role's own token: who may only see knows the one token, and can make no
session for the other. A token that is changed ends all sessions that were begun with it."""

import hmac
import secrets
import time
from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import Protocol

LASTS_S = 12 * 3_600
"""A working day: whoever looks in the morning and at night signs in twice."""

LONGEST = 200
"""Characters of a session's text; one has about 110."""

ENDED_REMEMBERED = 1_000
"""Sessions that were ended before their time; of more, the first are forgotten."""


class Role(IntEnum):
    """What somebody may do; who may do more may do less."""

    NONE = 0
    READER = 1
    OPERATOR = 2

    @property
    def word(self) -> str:
        """Its name as pages and sessions have it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Session:
    """One browser's. `text` is the cookie's value; `csrf` is what its pages send along with whatever they ask to be
    done, which no page of another site can know."""

    role: Role
    expires_s: int
    text: str
    csrf: str


class Workers(Protocol):
    """The other workers of this host. They are told of a session by a digest, from which nobody can make it."""

    def end_session(self, digest: str) -> None:
        """Have all know that this one is over; raises nothing."""

    def has_ended(self, digest: str) -> bool:
        """Whether one of them has said so."""


class Sessions:
    """All of one service; times are Unix seconds."""

    def __init__(
        self, tokens: Mapping[Role, bytes], clock: Callable[[], float] = time.time, workers: Workers | None = None
    ) -> None:
        self._workers = workers
        self._keys = {role: hmac.digest(token, _label("session", role), "sha256") for role, token in tokens.items()}
        self._clock = clock
        self._ended: OrderedDict[str, None] = OrderedDict()

    def begin(self, role: Role) -> Session:
        """A new one."""
        expires_s = int(self._clock()) + LASTS_S
        return self._signed(role, f"{role.word}.{expires_s}.{secrets.token_urlsafe(16)}", expires_s)

    def read(self, text: str) -> Session | None:
        """The session that this is the text of; None where it is none of ours, or over."""
        signed, _, _ = text.rpartition(".")
        word, _, rest = signed.partition(".")
        role = next((role for role in self._keys if role.word == word), None)
        expires = rest.partition(".")[0]
        if role is None or len(text) > LONGEST or not (expires.isascii() and expires.isdigit()):
            return None
        session = self._signed(role, signed, int(expires))
        right = hmac.compare_digest(session.text.encode(), text.encode())
        return session if right and self.goes_on(session) else None

    def goes_on(self, session: Session) -> bool:
        """Whether it is not over yet."""
        if self._clock() >= session.expires_s or session.text in self._ended:
            return False
        return self._workers is None or not self._workers.has_ended(_digest(session))

    def end(self, session: Session) -> None:
        """Accept it no more, in any worker of this host. Those of OPS_PEERS are told by whoever calls this."""
        if self._workers is not None:
            self._workers.end_session(_digest(session))
        self._ended[session.text] = None
        if len(self._ended) > ENDED_REMEMBERED:
            self._ended.popitem(last=False)

    def _signed(self, role: Role, signed: str, expires_s: int) -> Session:
        key = self._keys[role]
        csrf = _code(key, _label("csrf", role) + signed.encode())
        return Session(role, expires_s, f"{signed}.{_code(key, signed.encode())}", csrf)


def _digest(session: Session) -> str:
    return sha256(session.text.encode()).hexdigest()


def _label(use: str, role: Role) -> bytes:
    return f"plimsoll console {use} {role.word}\0".encode()


def _code(key: bytes, text: bytes) -> str:
    return urlsafe_b64encode(hmac.digest(key, text, "sha256")).rstrip(b"=").decode()
