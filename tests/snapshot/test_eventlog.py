"""Events: what is the same is counted up, and there are never more than so many."""

from plimsoll.snapshot.eventlog import MOST, TEXT_LIMIT, TOGETHER_S, EventLog


class Clock:
    """Stands until it is moved."""

    now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def test_the_same_within_a_minute_is_one_event_with_a_count() -> None:
    """By text, or by what it is said to be the same as, with the newest words; after a minute it is another."""
    clock = Clock()
    log = EventLog(clock)
    log.add("refused", "busy")
    log.add("leak", "GET /a held one for 30 s", same="GET /a")
    log.add("refused", "busy", count=4)
    log.add("leak", "GET /a held one for 31 s", same="GET /a")
    assert [(event.kind, event.text, event.count) for event in log.newest()] == [
        ("leak", "GET /a held one for 31 s", 2),
        ("refused", "busy", 5),
    ]
    clock.now_s += TOGETHER_S
    log.add("refused", "busy")
    assert [event.count for event in log.newest()] == [1, 2, 5]


def test_a_storm_takes_no_memory_beyond_the_bound() -> None:
    """The oldest go; a long text is cut and stands on one line."""
    log = EventLog(Clock())
    for number in range(3 * MOST):
        log.add("leak", f"number {number}\n" + "x" * 10_000)
    events = log.newest()
    assert len(events) == MOST
    assert events[0].text.startswith(f"number {3 * MOST - 1} x")
    assert max(len(event.text) for event in events) == TEXT_LIMIT
