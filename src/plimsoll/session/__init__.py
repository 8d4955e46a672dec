"""Sessions that always come back: opened for a purpose, ended within a deadline, never reused in silence."""

from plimsoll.session.guarded import GuardedAsyncSession, GuardedSession
from plimsoll.session.scope import Purpose, SessionScope, SessionSource

__all__ = ["GuardedAsyncSession", "GuardedSession", "Purpose", "SessionScope", "SessionSource"]
