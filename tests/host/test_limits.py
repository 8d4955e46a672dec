"""Which limits bind a process: each kind, on hosts that the test makes up."""

from pathlib import Path

import pytest

from plimsoll.host import Limit, binding, count_limits, memory_limits, survey, unreadable
from tests.host.tree import MIB, V1, V1_UNLIMITED, V2, Tree

GIB = 1 << 30


def of(limits: tuple[Limit, ...], source: str) -> Limit:
    """The one limit that was read there."""
    (found,) = [limit for limit in limits if limit.source == source]
    return found


def sources(tree: Tree) -> list[str]:
    """Where memory limits were found."""
    return [limit.source for limit in memory_limits(tree.root)]


def test_without_any_limit_the_machine_s_memory_binds(tree: Tree) -> None:
    """In bytes that are left, with the free swap; never as a share of the host."""
    tree.machine(swap_kib=1024)
    (limit,) = memory_limits(tree.root)
    assert (limit.source, limit.limit, limit.left) == ("/proc/meminfo", 4 * GIB, 2 * GIB + MIB)
    assert limit.kills
    assert not limit.fails


def test_address_space_and_data_are_measured_by_what_the_kernel_counts(tree: Tree) -> None:
    """RLIMIT_AS by the whole address space, RLIMIT_DATA by writable private memory; both fail and do not kill."""
    tree.limits(address_space=128 * MIB, data=64 * MIB)
    limits = memory_limits(tree.root)
    assert [(of(limits, name).used, of(limits, name).left) for name in ("RLIMIT_AS", "RLIMIT_DATA")] == [
        (100 * MIB, 28 * MIB),
        (30 * MIB, 34 * MIB),
    ]
    assert all(of(limits, name).fails and not of(limits, name).kills for name in ("RLIMIT_AS", "RLIMIT_DATA"))
    first = binding(limits)
    assert first is not None
    assert first.source == "RLIMIT_AS"


def test_promised_memory_binds_only_where_the_kernel_keeps_account(tree: Tree) -> None:
    """CommitLimit stands in every meminfo, and is a limit with vm.overcommit_memory 2 alone."""
    assert sources(tree) == ["/proc/meminfo"]
    tree.machine(overcommit=2)
    limit = of(memory_limits(tree.root), "/proc/meminfo (CommitLimit)")
    assert (limit.left, limit.fails) == (2 * GIB, True)


def test_every_parent_of_a_cgroup_binds(tree: Tree) -> None:
    """Own group, parent and top, each with what it uses; "max" is no limit."""
    tree.in_groups("0::/a/b/c")
    tree.group("/a/b/c", limit=512 * MIB, used=100 * MIB)
    tree.group("/a/b")
    tree.group("/a", limit=300 * MIB, used=250 * MIB)
    limits = memory_limits(tree.root)
    assert [(limit.source, limit.left) for limit in limits[:-1]] == [
        (f"{V2}/a/b/c/memory.max", 412 * MIB),
        (f"{V2}/a/memory.max", 50 * MIB),
    ]
    first = binding(limits)
    assert first is not None
    assert (first.name, first.kills, first.fails) == ("memory of the cgroup /a", True, False)


def test_file_cache_that_the_kernel_would_give_up_is_not_counted_as_used(tree: Tree) -> None:
    """memory.current counts it, so a service that reads big files would seem to be at its limit for ever."""
    tree.in_groups("0::/a")
    tree.group("/a", limit=512 * MIB, used=510 * MIB, cache=400 * MIB)
    assert of(memory_limits(tree.root), f"{V2}/a/memory.max").left == 402 * MIB


def test_memory_high_slows_down_and_does_not_kill(tree: Tree) -> None:
    """It may be exceeded: then nothing is left, which is not less than nothing."""
    tree.in_groups("0::/a")
    tree.group("/a", used=300 * MIB, memory_high=256 * MIB, memory_events="low 0\nhigh 17\nmax 0\noom_kill 0")
    limit = of(memory_limits(tree.root), f"{V2}/a/memory.high")
    assert (limit.left, limit.kills, limit.fails, limit.struck) == (0, False, False, 17)
    assert limit.share > 1


def test_how_often_a_cgroup_s_limit_has_killed_is_told(tree: Tree) -> None:
    """From memory.events; that it was reached without a kill is said too."""
    tree.in_groups("0::/a")
    tree.group("/a", limit=512 * MIB, memory_events="low 0\nhigh 0\nmax 41\noom 3\noom_kill 2")
    limit = of(memory_limits(tree.root), f"{V2}/a/memory.max")
    assert limit.struck == 2
    assert "Times reached: 41." in limit.note


@pytest.mark.parametrize(
    ("own", "parents", "left"),
    [("max", "max", 64), ("0", "max", 0), ("max", str(16 * MIB), 16), (str(8 * MIB), str(16 * MIB), 8)],
)
def test_swap_that_a_cgroup_may_still_use_puts_its_end_off(tree: Tree, own: str, parents: str, left: int) -> None:
    """While there is some the kernel swaps and does not kill; the group, its parents and the machine limit it."""
    tree.machine(swap_kib=64 * 1024)
    tree.in_groups("0::/a/b")
    tree.group("/a/b", limit=512 * MIB, used=500 * MIB, memory_swap_max=own, memory_swap_current=0)
    tree.group("/a", memory_swap_max=parents, memory_swap_current=0)
    limit = of(memory_limits(tree.root), f"{V2}/a/b/memory.max")
    assert (limit.swap_left, limit.left) == (left * MIB, (12 + left) * MIB)


def test_cgroup_v1_is_read_with_its_parents(tree: Tree) -> None:
    """Its "unlimited" is a huge number, its cache has another name, and its kills are counted elsewhere."""
    tree.in_groups("5:cpu,memory:/a/b\n0::/")
    tree.old_group("/a/b", limit=V1_UNLIMITED)
    killing = {"oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3", "failcnt": 9}
    tree.old_group("/a", limit=256 * MIB, used=250 * MIB, cache=50 * MIB, **killing)
    tree.old_group("", limit=V1_UNLIMITED)
    assert sources(tree) == [f"{V1}/a/memory.limit_in_bytes", "/proc/meminfo"]
    limit = memory_limits(tree.root)[0]
    assert (limit.left, limit.kills, limit.struck) == (56 * MIB, True, 3)
    assert "Times reached: 9." in limit.note


def test_a_v1_group_whose_killer_is_off_holds_its_processes(tree: Tree) -> None:
    """They wait for memory and are not killed, which is said in other words."""
    tree.in_groups("5:memory:/a")
    tree.old_group("/a", limit=256 * MIB, oom_control="oom_kill_disable 1\nunder_oom 0\noom_kill 0")
    limit = memory_limits(tree.root)[0]
    assert not limit.kills
    assert "wait for memory" in limit.note


def test_a_v1_parent_that_does_not_count_its_children_does_not_bind(tree: Tree) -> None:
    """Old kernels have such (memory.use_hierarchy 0)."""
    tree.in_groups("5:memory:/a/b")
    tree.old_group("/a/b", limit=256 * MIB)
    tree.old_group("/a", limit=128 * MIB, use_hierarchy=0)
    assert sources(tree) == [f"{V1}/a/b/memory.limit_in_bytes", "/proc/meminfo"]


def test_v1_swap_is_what_memory_and_swap_together_leave(tree: Tree) -> None:
    """memsw limits both: 300 MiB of both, 250 of memory, 200 used: 50 of memory are left and 50 of swap."""
    tree.machine(swap_kib=1024 * 1024)
    tree.in_groups("5:memory:/a")
    both = {"memsw.limit_in_bytes": 300 * MIB, "memsw.usage_in_bytes": 200 * MIB}
    tree.old_group("/a", limit=250 * MIB, used=200 * MIB, **both)
    limit = memory_limits(tree.root)[0]
    assert (limit.swap_left, limit.left) == (50 * MIB, 100 * MIB)


@pytest.mark.parametrize(
    ("path", "mounted", "directory"),
    [
        ("/docker/abc", "/docker/abc", V2),
        ("/docker/abc/inner", "/docker/abc", f"{V2}/inner"),
        ("/../../elsewhere", "/", V2),
        ("/docker/abcdef", "/docker/abc", V2),
    ],
)
def test_in_a_container_the_group_is_found_below_what_is_mounted(
    tree: Tree, path: str, mounted: str, directory: str
) -> None:
    """Without a cgroup namespace the path is the host's, the mount the container's."""
    tree.in_groups(f"0::{path}", root2=mounted)
    tree.group(directory.removeprefix(V2), limit=512 * MIB, used=MIB)
    for stranger in (f"{V2}/../../elsewhere", f"{V2}def"):
        tree.write(f"{stranger}/memory.max", MIB)
        tree.write(f"{stranger}/memory.current", 1)
    assert sources(tree) == [f"{directory}/memory.max", "/proc/meminfo"]


def test_without_mountinfo_groups_are_looked_for_where_they_are_by_custom(tree: Tree) -> None:
    """Such as in a sandbox that hides it."""
    tree.write("/proc/self/cgroup", "0::/a")
    tree.write("/sys/fs/cgroup/a/memory.max", 512 * MIB)
    tree.write("/sys/fs/cgroup/a/memory.current", MIB)
    assert sources(tree)[0] == "/sys/fs/cgroup/a/memory.max"


LVE = """\
10:LVE\tlCPU\tlEP\tlNPROC\tlMEM\tlMEMPHY\tEP\tMEM\tfMEM\tfEP\tMEMPHY\tfMEMPHY\tNPROC\tfNPROC
0,0\t\t20\t100\t0\t262144\t0\t0\t0\t0\t0\t0\t0\t0
0,10001\t100\t30\t80\t0\t1\t1\t0\t0\t0\t1\t0\t1\t0
0,1000\t\t20\t100\t0\t262144\t3\t99\t0\t5\t131072\t7\t43\t0"""


def test_a_cloudlinux_account_s_limits_are_its_own_line_s(tree: Tree) -> None:
    """By the columns' names, also behind an empty field; pages of 4 KiB; 0 is no limit."""
    tree.write("/proc/lve/list", LVE)
    memory = of(memory_limits(tree.root), "/proc/lve/list (lMEMPHY)")
    assert (memory.limit, memory.used, memory.kills, memory.struck) == (GIB, GIB // 2, True, 7)
    assert "/proc/lve/list (lMEM)" not in sources(tree)
    counts = count_limits(tree.root)
    entry, processes = of(counts, "/proc/lve/list (lEP)"), of(counts, "/proc/lve/list (lNPROC)")
    assert (entry.limit, entry.used, entry.struck, processes.left) == (20, 3, 5, 57)


def test_a_list_without_the_account_is_told(tree: Tree) -> None:
    """Inside a cage it may be there and say nothing of us: no limit of a stranger is taken for ours."""
    tree.write("/proc/lve/list", "\n".join(LVE.splitlines()[:-1]))
    found = survey(tree.root)
    assert [limit.source for limit in (*found.memory, *found.counts)] == ["/proc/meminfo"]
    assert any("no line for this user" in note for note in found.notes)


def test_threads_of_all_processes_of_the_user_count_for_nproc(tree: Tree) -> None:
    """Other users' do not; root is not held to it, and that is said."""
    tree.limits(nproc=100)
    for number, user, threads in ((10, 1000, 5), (11, 1000, 7), (12, 33, 50)):
        tree.write(f"/proc/{number}/status", f"Name:\tx\nUid:\t{user}\t0\t0\t0\nThreads:\t{threads}\n")
    assert of(count_limits(tree.root), "RLIMIT_NPROC").used == 12
    tree.write("/proc/self/status", "Uid:\t0\t0\t0\t0\nThreads:\t5\n")
    found = survey(tree.root)
    assert found.counts == ()
    assert "RLIMIT_NPROC" in found.unlimited
    assert any("root" in note for note in found.notes)


def test_open_files_are_counted(tree: Tree) -> None:
    """By the links in /proc/self/fd."""
    tree.limits(nofile=20)
    for number in range(3):
        tree.write(f"/proc/self/fd/{number}", "")
    assert of(count_limits(tree.root), "RLIMIT_NOFILE").left == 17


def test_a_cgroup_s_number_of_processes_is_read_with_its_parents(tree: Tree) -> None:
    """pids.max of v2 and of v1, with how often it has refused."""
    tree.in_groups("8:pids:/p\n0::/a")
    tree.write("/sys/fs/cgroup/pids/p/pids.max", 100)
    tree.write("/sys/fs/cgroup/pids/p/pids.current", 90)
    tree.write(f"{V2}/pids.max", 50)
    tree.write(f"{V2}/pids.current", 20)
    tree.write(f"{V2}/pids.events", "max 4")
    found = {limit.source: (limit.left, limit.struck) for limit in count_limits(tree.root)}
    assert found == {"/sys/fs/cgroup/pids/p/pids.max": (10, None), f"{V2}/pids.max": (30, 4)}


def test_what_is_odd_is_left_out_and_named(tree: Tree) -> None:
    """A file that is there and says nothing; one that is not there is no oddity."""
    tree.in_groups("0::/a")
    tree.group("/a", limit="many", used=1)
    tree.write("/proc/self/limits", "nothing of the kind")
    assert sources(tree) == ["/proc/meminfo"]
    assert set(unreadable(tree.root)) == {f"{V2}/a/memory.max", "/proc/self/limits"}


def test_a_directory_where_a_file_should_be_is_named(tree: Tree) -> None:
    """Whatever goes wrong, nothing is raised."""
    tree.in_groups("0::/a")
    (tree.path / f"{V2}/a/memory.max".lstrip("/")).mkdir(parents=True)
    assert unreadable(tree.root) == (f"{V2}/a/memory.max",)


def test_a_host_that_is_not_linux_says_so(tmp_path: Path) -> None:
    """Nothing is known, nothing is raised."""
    found = survey(str(tmp_path))
    assert (found.memory, found.counts, found.binding) == ((), (), None)
    assert "no /proc" in found.notes[0]
