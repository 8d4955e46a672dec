"""What may be had of the memory that is kept free, a little at a time: so that who has to look after a service, and the
probes that decide whether it lives, can connect to it while memory is short."""

from collections.abc import Callable

SPARE_BYTES_S = 256 << 10
"""A second. That is twenty plain connections, or one with TLS after what was saved up, of those that stay; those that
bring a request for work are answered 503 and closed, and what they took can be had again."""

SAVED_BYTES = 3 << 20
"""At most, of what was not had before: ten connections with TLS, as a browser opens with a page and its files."""

KEPT = 4
"""One part in so many of the reserve is not given for this."""


class Spare:
    """One process's. `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float], reserve_bytes: int) -> None:
        self._clock = clock
        self._kept_bytes = reserve_bytes // KEPT
        self._saved_bytes = float(SAVED_BYTES)
        self._seen_s = clock()

    def take(self, cost_bytes: int, left_bytes: int) -> bool:
        """Whether so much may be had, where so much is left in all."""
        now = self._clock()
        self._saved_bytes = min(SAVED_BYTES, self._saved_bytes + (now - self._seen_s) * SPARE_BYTES_S)
        self._seen_s = now
        if self._saved_bytes < cost_bytes or left_bytes - cost_bytes < self._kept_bytes:
            return False
        self._saved_bytes -= cost_bytes
        return True

    def give_back(self, cost_bytes: int) -> None:
        """So much is free again: else a crowd that is turned away, and comes again, would have it all."""
        self._saved_bytes = min(SAVED_BYTES, self._saved_bytes + cost_bytes)
