"""The lines of `plimsoll who`: what is alike is told once, and nothing is wider than the terminal."""

from dataclasses import replace

from plimsoll.cli.who_text import text_of
from plimsoll.snapshot import Snapshot
from plimsoll.visit.snapshots import Everybody, workers_in
from tests.snapshot.samples import EXHAUSTED, FOUR_AS_ONE, HEALTHY, holder
from tests.snapshot.troubles import TROUBLES, process

LONG = (
    "SELECT venues.id, venues.vendor_id, venues.name, venues.description, venues.address, venues.city, venues.phone, "
    "venues.utc_offset_minutes FROM venues WHERE venues.is_active = ? ORDER BY venues.id LIMIT ?"
)


def lines(*workers: Snapshot, width: int | None = 80, missing: tuple[str, ...] = ()) -> list[str]:
    """Of a terminal of that width."""
    seen = tuple(worker for snapshot in workers for worker in workers_in(snapshot))
    return list(text_of(Everybody(seen, workers[0].server, missing), workers[0].at_s, width))


def test_one_cause_is_told_once_however_many_connections_it_has() -> None:
    """With how many, from when to when, and the server's numbers of some."""
    many = tuple(replace(holder(n, age_s=40.0 - n), server_id=100 + n, statement=LONG) for n in range(30))
    told = lines(replace(EXHAUSTED, holders=many, server=None))
    assert f"  {many[0].route}: 30 connections for 11.0 to 40.0 s, {many[0].state}, server's" in told[1]
    assert "100, 101, 102, 103, 104, 105 and 24 more" in " ".join(told)
    assert " ".join(told).count("taken at") == 1
    assert len(told) < 10
    same = tuple(replace(each, age_s=40.0) for each in many)
    assert ": 30 connections for 40.0 s, " in lines(replace(EXHAUSTED, holders=same, server=None))[1]


def test_no_line_is_wider_than_the_terminal() -> None:
    """Long routes, statements and clients go on below, and a statement keeps its end, which says what it is about."""
    route = "GET /" + "/".join(f"{{part_{n}_id}}" for n in range(12))
    held = replace(holder(1, age_s=40.0), route=route, statement=LONG)
    told = lines(replace(EXHAUSTED, holders=(held,), server=HEALTHY.server), HEALTHY)
    assert max(map(len, told)) <= 80
    words = " ".join(line.strip() for line in told)
    assert "SELECT venues.id, … FROM venues WHERE venues.is_active = ? ORDER BY venues.id LIMIT ?" in words
    assert "unknown client" in words


def test_a_file_gets_all_of_it() -> None:
    """Whole lines, to search in."""
    held = replace(holder(1, age_s=40.0), statement=LONG)
    assert f"      last statement: {LONG}" in lines(replace(EXHAUSTED, holders=(held,)), width=None)


def test_workers_are_summed_up_first() -> None:
    """And one that nobody holds a connection of takes a line."""
    other = replace(HEALTHY, worker=replace(HEALTHY.worker, pid=2), holders=())
    told = lines(replace(EXHAUSTED, server=None), other, width=None)
    assert told[0].startswith("2 workers: 42 of 80 connections taken, ")
    assert sum(line.endswith("; nobody holds one") for line in told) == 1


def test_workers_that_are_shown_as_one_are_told_one_by_one() -> None:
    """Each with its holders, on whichever host; one that does not answer says so."""
    told = lines(replace(FOUR_AS_ONE, server=None), width=None)
    assert told[0].startswith("4 workers: ")
    for row in FOUR_AS_ONE.workers:
        (line,) = [line for line in told if line.startswith((f"{row.name}, ", f"{row.name}: "))]
        assert ("it lives and does not answer" in line) == row.silent
    assert sum("taken at" in line for line in told) >= 1


def test_a_host_whose_workers_are_not_seen_is_told() -> None:
    """Below the workers that are."""
    sentence = "The host at http://web2:8000 did not answer: connection refused."
    assert lines(replace(HEALTHY, server=None), missing=(sentence,))[-3:-1] == [sentence, ""]


def test_who_waits_for_whom_is_told() -> None:
    """Both where a lock is waited for and where it is held."""
    trouble, _before = TROUBLES["a row is locked by one of ours"]
    assert trouble.server is not None
    listed = (*trouble.server.processes, process(109, state="idle in transaction", mark="idle in transaction"))
    told = lines(replace(trouble, server=replace(trouble.server, processes=listed, sees_all=False)), width=None)
    assert sum(line.endswith("  <- waits for a row of shop.bookings, behind id 109") for line in told) == 3
    assert sum(line.endswith("  <- idle in transaction, 3 wait for it") for line in told) == 1
    assert any(
        line.endswith("Nor is it told who waits for a row that another transaction has locked.") for line in told
    )
