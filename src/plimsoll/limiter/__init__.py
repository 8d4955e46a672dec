"""How much work is let in: the line before it, the limit that adapts, the memory that must stay free."""

from plimsoll.limiter.adaptive import AdaptiveLimit, Usage
from plimsoll.limiter.line import AdmissionLine, Priority, RefusedError
from plimsoll.limiter.memory import MemoryErrorSeen, MemoryGuard, Shortage
from plimsoll.limiter.retry import RetryAfter
from plimsoll.limiter.spare import Spare

__all__ = [
    "AdaptiveLimit",
    "AdmissionLine",
    "MemoryErrorSeen",
    "MemoryGuard",
    "Priority",
    "RefusedError",
    "RetryAfter",
    "Shortage",
    "Spare",
    "Usage",
]
