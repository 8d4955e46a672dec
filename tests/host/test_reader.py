"""Samples, taken again and again: what is kept, what is read anew."""

from plimsoll.host import MemoryReader
from plimsoll.host.reader import LOOK_AROUND_S
from tests.host.tree import MIB, V2, Tree


class Clock:
    """A clock that stands until it is set."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_sample_has_the_nearest_limit_and_the_process_s_own_use(tree: Tree) -> None:
    """The use in the currency of the limit: address space here, RSS where a group limits."""
    tree.limits(address_space=128 * MIB)
    sample = MemoryReader(tree.root, clock=Clock()).read()
    assert (sample.at_s, sample.rss_bytes, sample.address_space_bytes) == (100.0, 40 * MIB, 100 * MIB)
    assert (sample.left_bytes, sample.used_bytes) == (28 * MIB, 100 * MIB)
    tree.in_groups("0::/a")
    tree.group("/a", limit=512 * MIB, used=505 * MIB)
    sample = MemoryReader(tree.root).read()
    assert (sample.left_bytes, sample.used_bytes) == (7 * MIB, 40 * MIB)
    assert sample.binding is not None
    assert sample.binding.source == f"{V2}/a/memory.max"
    assert sample.failing is not None
    assert sample.failing.source == "RLIMIT_AS", "a MemoryError does not come from a limit that kills"


def test_usage_and_a_group_s_limit_are_read_each_time(tree: Tree) -> None:
    """An operator may change the limit of a running container."""
    tree.in_groups("0::/a")
    tree.group("/a", limit=512 * MIB, used=100 * MIB)
    reader = MemoryReader(tree.root, clock=Clock())
    assert reader.read().left_bytes == 412 * MIB
    tree.group("/a", limit=256 * MIB, used=150 * MIB)
    assert reader.read().left_bytes == 106 * MIB
    tree.group("/a", limit="max", used=150 * MIB)
    assert reader.read().left_bytes == 2048 * MIB


def test_a_limit_that_is_new_is_found_after_a_while(tree: Tree) -> None:
    """Where to look is looked up now and then, not with each sample."""
    clock = Clock()
    reader = MemoryReader(tree.root, clock=clock)
    reader.read()
    tree.limits(address_space=101 * MIB)
    assert reader.read().left_bytes == 2048 * MIB
    clock.now_s += LOOK_AROUND_S
    assert reader.read().left_bytes == MIB


def test_a_process_that_is_moved_is_seen_at_once(tree: Tree) -> None:
    """A manager puts a worker into its group a moment after the start."""
    reader = MemoryReader(tree.root, clock=Clock())
    assert reader.read().left_bytes == 2048 * MIB
    tree.in_groups("0::/a")
    tree.group("/a", limit=512 * MIB, used=500 * MIB)
    assert reader.read().left_bytes == 12 * MIB


def test_cache_is_taken_off_when_it_may_matter(tree: Tree) -> None:
    """Near the limit; far from it the dear memory.stat is not read, and the true distance is no less."""
    tree.in_groups("0::/a")
    tree.group("/a", limit=512 * MIB, used=500 * MIB, cache=450 * MIB)
    reader = MemoryReader(tree.root)
    assert reader.read().left_bytes == 462 * MIB
    tree.group("/a", limit=512 * MIB, used=200 * MIB, cache=150 * MIB)
    assert reader.read().left_bytes == 312 * MIB


def test_on_another_system_nothing_limits(tree: Tree) -> None:
    """A sample without a limit, and no error."""
    sample = MemoryReader(str(tree.path / "nowhere")).read()
    assert (sample.left_bytes, sample.binding, sample.rss_bytes) == (None, None, 0)
