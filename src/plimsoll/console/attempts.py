"""Wrong tokens by client: a person who mistypes may try again, a program that guesses has to wait."""

from collections import OrderedDict, deque
from collections.abc import Callable

WRONG_ALLOWED = 5
"""Wrong tokens that one client may send within `WRONG_WINDOW_S`: a person who mistypes, not a program that guesses."""

WRONG_WINDOW_S = 60.0

CLIENTS_REMEMBERED = 1000
"""Of more, whoever was wrong longest ago is forgotten: clients must not be able to fill the memory."""


class Attempts:
    """Those that were wrong; `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._wrong)

    def wait_s(self, client: str) -> float:
        """For how long no token of this client is looked at; 0 or less for not at all."""
        times = self._wrong.get(client)
        if times is None or len(times) < WRONG_ALLOWED:
            return 0.0
        return times[0] + WRONG_WINDOW_S - self._clock()

    def was_wrong(self, client: str) -> None:
        """One more."""
        times = self._wrong.setdefault(client, deque(maxlen=WRONG_ALLOWED))
        times.append(self._clock())
        self._wrong.move_to_end(client)
        if len(self._wrong) > CLIENTS_REMEMBERED:
            self._wrong.popitem(last=False)
