"""The memory guard: when a request is refused, what it is taken to need, and what memory errors lead to."""

from dataclasses import dataclass

import pytest

from plimsoll.limiter import MemoryGuard

MIB = 1 << 20
RESERVE = 16 * MIB


@dataclass
class Line:
    """A limit."""

    name: str = "address space of the process"
    source: str = "RLIMIT_AS"
    left: int = 0


@dataclass
class Sample:
    """Memory at one moment."""

    at_s: float
    used_bytes: int
    left_bytes: int | None
    binding: Line | None
    failing: Line | None


class Machine:
    """Memory and a clock that the test moves. `cannot_read` is raised by the next samples."""

    def __init__(self, left: int | None = 1000 * MIB) -> None:
        self.now_s = 50.0
        self.used = 100 * MIB
        self.left = left
        self.limit: Line | None = Line()
        self.failing: Line | None = self.limit
        self.cannot_read: BaseException | None = None
        self.frozen: Sample | None = None
        self.samples = 0

    def clock(self) -> float:
        return self.now_s

    def read(self) -> Sample:
        self.samples += 1
        if self.cannot_read is not None:
            raise self.cannot_read
        return self.frozen or Sample(self.now_s, self.used, self.left, self.limit, self.failing)

    def take(self, amount: int) -> None:
        """The process takes memory."""
        self.used += amount
        if self.left is not None:
            self.left -= amount

    def later(self, seconds: float = 0.05) -> None:
        self.now_s += seconds


def guard_of(machine: Machine, least_growth_bytes: int = 0) -> MemoryGuard:
    """A guard with a reserve of 16 MiB."""
    return MemoryGuard(machine.read, machine.clock, reserve_bytes=RESERVE, least_growth_bytes=least_growth_bytes)


def learned(machine: Machine, growth: int, started: int = 4) -> MemoryGuard:
    """A guard that has seen `started` requests take `growth` bytes each."""
    guard = guard_of(machine)
    for in_flight in range(started):
        assert guard.shortage(in_flight) is None
    machine.take(growth * started)
    machine.later()
    assert guard.growth_bytes == 0
    assert not guard.pressed
    return guard


def test_below_the_reserve_nothing_is_let_in() -> None:
    """And from the reserve on it is."""
    machine = Machine(left=RESERVE - 1)
    guard = guard_of(machine)
    assert guard.shortage(1) is not None
    machine.left = RESERVE
    machine.later()
    assert guard.shortage(1) is None


def test_alone_a_request_may_have_of_the_reserve_what_it_needs() -> None:
    """A process whose limit is so near that the reserve is never free serves one at a time, not nobody."""
    machine = Machine(left=RESERVE // 2)
    guard = guard_of(machine, least_growth_bytes=MIB)
    assert guard.shortage(0) is None
    assert guard.shortage(0) is None
    assert guard.shortage(1) is not None
    assert guard.shortage(1) is not None
    machine.left = MIB - 1
    machine.later()
    assert guard.shortage(0) is not None


def test_between_two_samples_as_many_are_let_in_as_by_a_sample() -> None:
    """Judged at a glance by the last sample, the last for whom there is room gets it, and the next does not."""
    machine = Machine(left=2000 * MIB + MIB // 2)
    guard = learned(machine, MIB)
    assert guard.shortage(0) is None  # takes the sample
    assert machine.left is not None
    room = (machine.left - RESERVE) // guard.growth_bytes
    samples = machine.samples
    assert guard.shortage(room - 1) is None
    assert machine.samples == samples, "far from the limit no request has a sample of its own"
    assert guard.shortage(room) is not None


def test_near_the_limit_a_burst_is_judged_request_by_request() -> None:
    """Fifty that take 10 MB at once, 40 MB below the limit: the first shows what they take, the rest stay out."""
    machine = Machine(left=40 * MIB)
    guard = guard_of(machine, least_growth_bytes=1024)
    let_in = 0
    for _ in range(50):
        if guard.shortage(let_in) is None:
            let_in += 1
            machine.take(10 * MIB)
        machine.later(0.0001)
    assert let_in <= 2
    assert machine.left is not None
    assert machine.left > 0


def test_what_requests_take_is_measured_and_held_against_the_next() -> None:
    """Four took 5 MiB each: the reserve and 5 for each in flight and the newcomer must be left."""
    machine = Machine()
    guard = learned(machine, 5 * MIB)
    assert guard.growth_bytes == pytest.approx(5 * MIB, rel=0.01)
    machine.later()
    machine.left = RESERVE + 30 * MIB
    assert guard.shortage(4) is None
    refused = guard.shortage(6)
    assert refused is not None
    assert refused.need_bytes == pytest.approx(RESERVE + 35 * MIB, rel=0.01)
    assert str(refused).startswith("46.0 MiB are left of the address space of the process (RLIMIT_AS)")


def test_those_in_flight_share_what_was_taken() -> None:
    """One starts beside 40 that grow: a jump of 64 MiB is not what a single request needs."""
    machine = Machine()
    guard = guard_of(machine)
    assert guard.shortage(0) is None
    machine.later()
    assert guard.shortage(40) is None
    machine.take(64 * MIB)
    machine.later()
    assert guard.shortage(40) is None
    assert guard.growth_bytes == pytest.approx(64 * MIB / 40, rel=0.01)


def test_the_highest_growth_is_kept_and_fades() -> None:
    """Half of it after ten seconds, whether requests come or not; a dear burst is remembered until the next."""
    machine = Machine()
    guard = learned(machine, 8 * MIB)
    machine.later()
    assert guard.shortage(0) is None
    machine.take(MIB)
    machine.later()
    assert guard.shortage(0) is None
    assert guard.growth_bytes == pytest.approx(8 * MIB, rel=0.02), "a cheap one does not make it forget"
    machine.later(10)
    assert guard.shortage(0) is None
    assert guard.growth_bytes == pytest.approx(4 * MIB, rel=0.02)


def test_a_service_that_refuses_all_tries_again_when_the_growth_has_faded() -> None:
    """One first request that took a lot must not close the door for good."""
    machine = Machine(left=124 * MIB)
    guard = guard_of(machine)
    assert guard.shortage(0) is None
    machine.take(100 * MIB)
    refused = 0
    for _ in range(2000):
        machine.later()
        if guard.shortage(0) is None:
            break
        refused += 1
    assert 400 < refused < 1999, "for some tens of seconds, not for ever"


def test_memory_that_was_given_back_is_no_negative_growth() -> None:
    """Never below what is taken at least."""
    machine = Machine()
    guard = guard_of(machine, least_growth_bytes=1000)
    assert guard.shortage(0) is None
    machine.take(-50 * MIB)
    machine.later()
    assert guard.shortage(0) is None
    assert guard.growth_bytes == 1000


def test_what_is_taken_while_nothing_starts_is_not_a_request_s() -> None:
    """A cache that is filled in the background, say."""
    machine = Machine()
    guard = guard_of(machine)
    assert not guard.pressed
    machine.take(50 * MIB)
    machine.later()
    assert not guard.pressed
    assert guard.growth_bytes == 0


def test_what_connections_take_is_not_held_against_requests() -> None:
    """Four hundred that are opened between two samples, beside one request."""
    machine = Machine()
    guard = guard_of(machine)
    assert guard.shortage(0) is None
    machine.later()
    assert guard.shortage(0) is None
    for _ in range(400):
        assert guard.has_room(MIB // 4, 0, in_flight=1)
    machine.take(101 * MIB)
    machine.later()
    assert guard.shortage(0) is None
    assert guard.growth_bytes == MIB


def test_whether_a_connection_has_room_is_judged_by_the_requests_of_now() -> None:
    """Forty dear requests were in flight and are gone: whoever comes afterwards is not kept out for their sake."""
    machine = Machine()
    guard = learned(machine, 4 * MIB, started=40)
    assert guard.shortage(40) is None
    machine.left = RESERVE + 20 * MIB
    machine.later()
    assert guard.shortage(40) is not None
    assert not guard.has_room(MIB // 4, 0, in_flight=40)
    assert guard.has_room(MIB // 4, 0, in_flight=3)
    assert not guard.has_room(MIB // 4, 17 * MIB, in_flight=3)
    machine.left = 6 * MIB
    machine.later()
    assert not guard.has_room(MIB // 4, 0, in_flight=1)
    assert guard.has_room(MIB // 4, 0, in_flight=0), "alone it may have of the reserve"


def test_numbers_of_two_limits_are_not_compared() -> None:
    """When another limit comes nearest, its use counts something else."""
    machine = Machine()
    guard = guard_of(machine)
    assert guard.shortage(0) is None
    machine.limit = Line("memory of the cgroup /a", "/sys/fs/cgroup/a/memory.max")
    machine.used += 300 * MIB
    machine.later()
    assert guard.shortage(0) is None
    assert guard.growth_bytes == 0
    assert guard.last_binding == machine.limit


def test_where_nothing_limits_nothing_is_refused() -> None:
    """Whatever the growth."""
    machine = Machine(left=None)
    machine.limit = None
    guard = guard_of(machine)
    assert guard.shortage(10_000) is None
    assert not guard.pressed


def test_a_stale_sample_refuses_nothing() -> None:
    """A reader that stands still says nothing of now: refused for a second, then let in."""
    machine = Machine(left=0)
    guard = guard_of(machine)
    machine.frozen = machine.read()
    assert guard.shortage(1) is not None
    machine.later(1.0)
    assert guard.shortage(1) is not None
    machine.later(0.01)
    assert guard.shortage(1) is None
    assert not guard.pressed


def test_a_reader_that_fails_refuses_nothing_once_its_last_sample_is_stale() -> None:
    """/proc may vanish from a container that is being taken down; the service goes on."""
    machine = Machine(left=0)
    guard = guard_of(machine)
    assert guard.shortage(1) is not None
    machine.cannot_read = OSError("gone")
    machine.later(0.5)
    assert guard.shortage(1) is not None
    machine.later(1.0)
    assert guard.shortage(1) is None


def test_a_reader_without_memory_to_read_is_a_shortage() -> None:
    """Nothing else says it as clearly; it ends with the next sample that succeeds."""
    machine = Machine()
    guard = guard_of(machine)
    machine.cannot_read = MemoryError()
    refused = guard.shortage(1)
    assert refused is not None
    assert (refused.left_bytes, guard.pressed) == (0, True)
    machine.cannot_read = None
    machine.later()
    assert guard.shortage(1) is None


def test_a_sample_is_taken_once_an_interval_however_many_ask() -> None:
    """The others are judged by the last one."""
    machine = Machine()
    guard = guard_of(machine)
    for _ in range(100):
        guard.shortage(0)
    assert machine.samples == 1
    machine.later()
    for _ in range(100):
        guard.shortage(0)
        assert not guard.pressed
    assert machine.samples == 2


def test_idle_connections_go_before_a_request_is_refused() -> None:
    """Pressed is below twice the need."""
    machine = Machine(left=2 * RESERVE)
    guard = guard_of(machine)
    before = guard.pressed
    machine.left = 2 * RESERVE - 1
    machine.later()
    assert (before, guard.pressed) == (False, True)
    assert guard.shortage(0) is None


def test_a_memory_error_is_counted_with_the_limit_that_struck() -> None:
    """The nearest of those that fail, not one that kills and happens to be nearer."""
    machine = Machine()
    machine.limit = Line("memory of the cgroup /a", "/sys/fs/cgroup/a/memory.max")
    machine.failing = Line(left=3 * MIB)
    guard = guard_of(machine)
    seen = guard.memory_error("/items/{id}")
    assert (seen.route, seen.limit, seen.left_bytes, seen.at_s) == ("/items/{id}", machine.failing, 3 * MIB, 50.0)
    assert guard.memory_errors == 1
    machine.failing = None
    machine.later()
    assert guard.memory_error("/").limit is None


def test_repeated_memory_errors_end_the_worker() -> None:
    """Three within a minute; older ones are forgotten by that, and 0 means never."""
    machine = Machine()
    guard = guard_of(machine)
    for _ in range(3):
        assert not guard.should_exit(3)
        guard.memory_error("/")
        machine.later(20)
    assert not guard.should_exit(3), "the first is 60 s old"
    guard.memory_error("/")
    assert guard.should_exit(3)
    assert not guard.should_exit(0)
    machine.later(61)
    assert not guard.should_exit(3)
    assert guard.memory_errors == 4


def test_memory_errors_of_one_burst_are_one_occurrence() -> None:
    """Fifty within a second do not end the worker; three times with some seconds between do."""
    machine = Machine()
    guard = guard_of(machine)
    for occurrence in range(3):
        assert not guard.should_exit(3), f"after {occurrence}"
        for _ in range(50):
            guard.memory_error("/")
            machine.later(0.02)
        machine.later(6)
    assert guard.should_exit(3)
