"""Who may see what is for operators, and who may act: the bearers of `OPS_TOKEN` and `OPS_READ_TOKEN`, by header or by
a session that a browser was given for one of them. Without a token: in development whoever is on this machine."""

import hmac
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from starlette.responses import JSONResponse

from plimsoll.asgi.clients import Trusted, client_of
from plimsoll.asgi.messages import Scope
from plimsoll.console.answers import detail
from plimsoll.console.attempts import Attempts
from plimsoll.console.headers import address_of, bearer, cookies, header, is_encrypted, is_from_here, is_of_another_site
from plimsoll.console.sessions import LASTS_S, Role, Session, Sessions, Workers
from plimsoll.events import LimitedLog
from plimsoll.settings import ServiceSettings

logger = logging.getLogger("plimsoll.console")

COOKIE = "plimsoll_ops"
CSRF_HEADER = b"x-plimsoll-csrf"

COOKIES_READ = 4
"""Of one name. Each costs a hash; a browser sends more than one only where somebody else set one for our host."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks. `wait_s`: no token of this client is looked at for so long, since it has sent wrong ones; `wrong`: this
    request bears one. Without a `session` it is a program with a token, or somebody on this machine."""

    role: Role
    address: str
    session: Session | None = None
    wait_s: float = 0.0
    wrong: bool = False

    @property
    def csrf(self) -> str:
        """What this visitor's pages must send along; empty where there is no session."""
        return "" if self.session is None else self.session.csrf

    @property
    def who(self) -> str:
        """For the record of what was done."""
        return f"{self.role.word} at {self.address}"


class Access:
    """One service's. `clock` counts seconds, `wall_clock` is Unix time."""

    def __init__(
        self,
        token: str | None,
        read_token: str | None = None,
        *,
        production: bool,
        trusted_proxies: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        workers: Workers | None = None,
    ) -> None:
        # The operator's first: it counts where both are the same.
        given = {Role.OPERATOR: token, Role.READER: read_token}
        self._tokens = {role: text.encode() for role, text in given.items() if text is not None}
        self._production = production
        self.trusted = Trusted(trusted_proxies)
        self.sessions = Sessions(self._tokens, wall_clock, workers)
        self.attempts = Attempts(clock)
        self._log = LimitedLog(logger)

    @classmethod
    def of(cls, settings: ServiceSettings, *, production: bool, workers: Workers | None = None) -> "Access":
        """As the settings have it. `workers` are the others of this host, which a session that ends is over for too."""
        token, read_token = settings.ops_token, settings.ops_read_token
        return cls(
            None if token is None else token.get_secret_value(),
            None if read_token is None else read_token.get_secret_value(),
            production=production,
            trusted_proxies=settings.trusted_proxies,
            workers=workers,
        )

    # --- who it is ---

    def hides(self, scope: Scope) -> bool:
        """Whether there is nothing to be seen here, not even that one could sign in."""
        return not self._tokens and (self._production or not is_from_here(scope) or self.is_foreign(scope))

    def visitor(self, scope: Scope) -> Visitor:
        """Who asks. A wrong token is counted."""
        address = address_of(scope)
        if not self._tokens:
            return Visitor(Role.NONE if self.hides(scope) else Role.OPERATOR, address)
        given = bearer(scope)
        if given is not None:
            return self._with_token(given, scope)
        if not self.is_foreign(scope):
            for text in cookies(scope, COOKIE)[:COOKIES_READ]:
                session = self.sessions.read(text)
                if session is not None:
                    return Visitor(session.role, address, session)
        return Visitor(Role.NONE, address)

    def goes_on(self, visitor: Visitor) -> bool:
        """Whether who was let in may stay: a session ends."""
        return visitor.session is None or self.sessions.goes_on(visitor.session)

    def refusal(self, scope: Scope) -> JSONResponse | None:
        """None for who may see, else the answer: of addresses that are for programs too."""
        if self.hides(scope):
            return detail(404, "Not Found")
        visitor = self.visitor(scope)
        return None if visitor.role >= Role.READER else self.turned_away(visitor)

    def turned_away(self, visitor: Visitor) -> JSONResponse:
        """The answer to who may not see."""
        if visitor.wait_s > 0:
            return detail(429, "Too many wrong tokens", {"Retry-After": retry_after(visitor)})
        if visitor.wrong:
            return detail(401, "The token is wrong", {"WWW-Authenticate": 'Bearer error="invalid_token"'})
        return detail(401, "A bearer token is needed", {"WWW-Authenticate": "Bearer"})

    def may_change(self, scope: Scope, visitor: Visitor) -> bool:
        """Whether a request to change something was made by a page of this visitor's session, or by a program. (A page
        of another site is no visitor with a role to begin with.)"""
        if bearer(scope) is not None and self._tokens:
            return True  # no browser adds that by itself
        given = header(scope, CSRF_HEADER)
        return given is not None and hmac.compare_digest(given.encode("latin-1"), visitor.csrf.encode())

    # --- signing in and out ---

    def sign_in(self, scope: Scope, token: str) -> Visitor:
        """Who bears this token; with a new session where it is right."""
        found = self._with_token(token.encode(), scope)
        if not found.role:
            return found
        logger.info("signed in: %s", found.who)
        return Visitor(found.role, found.address, self.sessions.begin(found.role))

    def sign_out(self, visitor: Visitor) -> None:
        """End the session."""
        if visitor.session is not None:
            self.sessions.end(visitor.session)
            logger.info("signed out: %s", visitor.who)

    def cookie(self, scope: Scope, session: Session | None) -> str:
        """The header that gives a browser its session, or takes it away. It has no path: then the browser takes the
        one that it sees this under, which a proxy may have changed without telling."""
        value, age_s = ("", 0) if session is None else (session.text, LASTS_S)
        secure = "; Secure" if is_encrypted(scope, self.trusted) else ""
        return f"{COOKIE}={value}; Max-Age={age_s}; HttpOnly; SameSite=Strict{secure}"

    def is_foreign(self, scope: Scope) -> bool:
        """Whether a page of another site asks."""
        return is_of_another_site(scope, self.trusted)

    def _with_token(self, given: bytes, scope: Scope) -> Visitor:
        client, address = client_of(scope), address_of(scope)
        wait_s = self.attempts.wait_s(client)
        if wait_s > 0:
            # The right token too: else it could be guessed for as long as one likes.
            return Visitor(Role.NONE, address, wait_s=wait_s)
        # Of hashes, which are all of one length, and of both: the time tells nothing.
        digest = sha256(given).digest()
        right = [role for role, token in self._tokens.items() if hmac.compare_digest(digest, sha256(token).digest())]
        if right:
            return Visitor(right[0], address)
        self.attempts.was_wrong(client)
        self._log.log(logging.WARNING, "wrong-token", f"a wrong token for /ops/ came from {address}")
        return Visitor(Role.NONE, address, wrong=True)


def retry_after(visitor: Visitor) -> str:
    """Whole seconds until a token is looked at again."""
    return str(int(visitor.wait_s) + 1)
