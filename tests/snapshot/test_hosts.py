"""What is told about hosts: which did not answer, and which use the database and are not looked at."""

from dataclasses import replace

import pytest

from plimsoll.snapshot import ProcessView, Snapshot
from plimsoll.snapshot.as_one import as_one
from plimsoll.snapshot.hosts import Unheard, with_hosts
from tests.snapshot.samples import HEALTHY, HOSTILE, NOW_S
from tests.snapshot.troubles import SERVER


def connection(worker: str, **changes: object) -> ProcessView:
    """Of another worker, on the server."""
    known = ProcessView(7, "shop", "10.0.0.9:5001", "shop", "another worker", "idle", 3.0, None, worker=worker)
    return replace(known, **changes)  # type: ignore[arg-type]


def seeing(*processes: ProcessView, **changes: object) -> Snapshot:
    """A worker of web-1 that sees these connections on the server."""
    return replace(HEALTHY, server=replace(SERVER, processes=processes, **changes), problems=())  # type: ignore[arg-type]


def told(seen: Snapshot, *unheard: Unheard, all_known: bool = True) -> list[tuple[str, str]]:
    """Keys and sentences."""
    return [(each.key, each.sentence) for each in with_hosts(seen, unheard, all_known=all_known).problems]


def test_a_host_that_nobody_looks_at_is_named_with_what_to_do() -> None:
    """By the names that workers give their connections."""
    seen = with_hosts(seeing(*(connection(f"web-3:{pid}") for pid in (1, 2)), connection("web-1:9")))
    (problem,) = seen.problems
    assert (problem.level, problem.key) == ("info", "hosts-unseen")
    assert problem.sentence == ("Workers of host web-3 use this database too (2 connections) and are not seen here.")
    assert "OPS_PEERS=http://web-3:8000" in problem.action


def test_many_hosts_are_counted() -> None:
    """Some are named, and a sentence has an end."""
    ((_key, sentence),) = told(seeing(*(connection(f"web-{number}:1") for number in range(2, 200))))
    assert "hosts web-10, web-100, web-101 and 195 more use this database too (198 connections)" in sentence


@pytest.mark.parametrize(
    "seen",
    [
        seeing(connection("web-3:1", seconds=3_600.0)),
        seeing(connection("web-3:1", mark="stale worker")),
        seeing(connection("", whose="unknown", mark="unknown client")),
        seeing(connection("")),
        seeing(connection("web-3:1"), at_s=NOW_S - 3_600),
        seeing(connection("web-3:1"), error="it did not answer within 2 s"),
        replace(HEALTHY, server=None, problems=()),
        as_one(seeing(connection("web-3:1")), [replace(HEALTHY, worker=replace(HEALTHY.worker, host="web-3", pid=1))]),
    ],
    ids=["long asleep", "stale", "unknown", "without a name", "old list", "not read", "never asked", "is looked at"],
)
def test_what_tells_of_no_living_host_is_not_told(seen: Snapshot) -> None:
    """A connection that a host has left behind, a name that is none, a list of before, a host that is seen."""
    assert "hosts-unseen" not in dict(told(seen))


def test_a_host_that_did_not_answer_is_named_and_is_not_one_that_nobody_looks_at() -> None:
    """Also where it never has answered, so that it may be any."""
    seen = seeing(connection("web-3:1"))
    down = Unheard("http://10.0.0.3:8000", ("web-3",), "no connection to 10.0.0.3, port 8000: Connection refused")
    assert told(seen, down) == [
        (
            "host-silent",
            "web-3 at http://10.0.0.3:8000 did not answer: no connection to 10.0.0.3, port 8000: Connection refused.",
        )
    ]
    never = replace(down, hosts=())
    assert [key for key, _sentence in told(seen, never, all_known=False)] == ["host-silent"]
    many = [replace(down, url=f"http://10.0.0.{number}") for number in range(60)]
    assert told(seen, *many)[0][1].endswith("and 57 other hosts did not answer.")


def test_words_of_another_host_stay_words() -> None:
    """One line, bounded."""
    odd = Unheard("http://web2", (HOSTILE, "a\nb"), f"{HOSTILE}\n{'x' * 10_000}")
    ((_key, sentence),) = told(seeing(), odd)
    assert "\n" not in sentence
    assert "\u202e" not in sentence
    assert len(sentence) <= 500


def test_the_gravest_stay_first() -> None:
    """Between the workers' own problems."""
    seen = with_hosts(replace(HEALTHY, problems=()), [Unheard("http://web2", (), "gone")])
    both = with_hosts(replace(seen, server=replace(SERVER, processes=(connection("web-3:1"),))))
    assert [each.key for each in both.problems] == ["host-silent", "hosts-unseen"]
