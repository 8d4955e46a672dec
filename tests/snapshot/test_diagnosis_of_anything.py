"""The diagnosis of any snapshot whatever: it never fails, is bounded, in order, and the same each time."""

from dataclasses import replace
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plimsoll.snapshot import HolderView, Problem, Snapshot
from plimsoll.snapshot.causes.wording import LARGEST, LONGEST_NAME, LONGEST_TEXT, over, place, plain, sane, size, time
from plimsoll.snapshot.diagnosis import GRAVITY, RULES, problems
from tests.snapshot.odd import FLOATS, SNAPSHOTS, WHOLE
from tests.snapshot.samples import NOW_S, holder
from tests.snapshot.troubles import BEFORE, FULL, TROUBLES, holding

ORDER = [rule.key for rule in RULES]
unhurried = settings(deadline=None)
slow_to_make = settings(
    max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None
)


def in_good_form(found: tuple[Problem, ...]) -> None:
    """One for each key, the gravest first, causes first, a bounded line each."""
    places = [(GRAVITY[problem.level], ORDER.index(problem.key)) for problem in found]
    assert places == sorted(set(places))
    assert len({problem.key for problem in found}) == len(found)
    for problem in found:
        for text in (problem.sentence, problem.action):
            assert 0 < len(text) <= LONGEST_TEXT
            assert text.isprintable()
        assert problem.sentence.endswith((".", "…"))


@slow_to_make
@given(SNAPSHOTS, st.none() | SNAPSHOTS)
def test_any_snapshot_has_a_diagnosis(now: Snapshot, before: Snapshot | None) -> None:
    """With any other before it, related or not."""
    found = problems(now, before)
    in_good_form(found)
    assert problems(now, before) == found


@slow_to_make
@given(SNAPSHOTS, SNAPSHOTS, st.sampled_from([0.0, 1e-9, 1.0, 30.0, 1e300]))
def test_two_snapshots_of_one_worker_have_a_diagnosis(now: Snapshot, before: Snapshot, passed_s: float) -> None:
    """However their counts jump."""
    now = replace(now, at_s=NOW_S, worker=replace(now.worker, started_s=NOW_S - 7_200))
    in_good_form(problems(now, replace(before, at_s=NOW_S - passed_s, worker=now.worker)))


HOLDERS = st.lists(
    st.builds(
        lambda number, age_s, route, state: holder(number, age_s=age_s, route=route, state=state),
        st.integers(1_000, 9_999),
        st.floats(0, 1e6),
        st.sampled_from(["GET /export", "GET /items", "task:mail"]),
        st.sampled_from(["idle in transaction", "querying", "idle", "lost"]),
    ),
    max_size=50,
)


@unhurried
@given(HOLDERS, HOLDERS)
def test_more_holders_never_make_an_exhausted_pool_well(some: list[HolderView], more: list[HolderView]) -> None:
    """Nor less grave."""
    fewer = problems(replace(FULL, holders=tuple(some)), BEFORE)[0]
    found = problems(replace(FULL, holders=(*some, *more)), BEFORE)[0]
    assert (fewer.key, found.key) == ("pool-exhausted", "pool-exhausted")
    assert GRAVITY[found.level] <= GRAVITY[fewer.level]


@unhurried
@given(HOLDERS)
def test_more_holders_never_hide_one_that_holds_on(more: list[HolderView]) -> None:
    """Whether asleep or at work."""
    for name, key in (("held", "connections-held"), ("asleep alone", "idle-in-transaction")):
        now, before = TROUBLES[name]
        found = problems(replace(holding(*now.holders, *more), pool=now.pool), before)
        assert key in {problem.key for problem in found}


@unhurried
@given(HOLDERS, st.randoms())
def test_the_order_of_holders_does_not_matter(some: list[HolderView], random: Random) -> None:
    """Two that are alike in all that is told may stand either way."""
    shuffled = list(some)
    random.shuffle(shuffled)
    first, second = (problems(replace(FULL, holders=tuple(each)), BEFORE) for each in (some, shuffled))
    assert [problem.sentence for problem in first] == [problem.sentence for problem in second]


@unhurried
@given(WHOLE | FLOATS | st.none())
def test_any_number_is_put_into_words(number: float | None) -> None:
    """What is none, or below zero, is 0; what is too large is cut."""
    assert 0.0 <= sane(number) <= LARGEST
    for words in (size(number), time(number), over(sane(number))):
        assert words.isprintable()
        assert len(words) < 40


@unhurried
@given(st.text(st.characters(), max_size=3_000), st.integers(10, 200))
def test_any_text_is_put_on_one_line(text: str, longest: int) -> None:
    """Of bounded length; of a place, its end is kept."""
    assert len(plain(text, longest)) <= longest
    assert plain(text, longest).isprintable()
    assert len(place(text)) <= LONGEST_NAME
    assert place(f"/srv/{'d' * 300}/app/export.py:41 in export") == "app/export.py:41 in export"
