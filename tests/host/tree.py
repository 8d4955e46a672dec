"""A file system of a host that the test makes up: `/proc` and `/sys` below a directory."""

from pathlib import Path

MIB = 1 << 20
PAGE = 4096
V1_UNLIMITED = 9223372036854771712

LIMITS = """\
Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max data size             {data}            unlimited            bytes
Max processes             {nproc}                96365                processes
Max open files            {nofile}                20000                files
Max address space         {address_space}            unlimited            bytes
"""

MEMINFO = """\
MemTotal:       4194304 kB
MemFree:         100000 kB
MemAvailable:   2097152 kB
SwapTotal:      1048576 kB
SwapFree:       {swap_kib} kB
CommitLimit:    3145728 kB
Committed_AS:   1048576 kB
"""

MOUNTS = """\
22 1 8:1 / / rw - ext4 /dev/sda1 rw
30 22 0:26 {root2} /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
31 22 0:27 {root1} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
32 22 0:28 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
"""

V2 = "/sys/fs/cgroup/unified"
V1 = "/sys/fs/cgroup/memory"


class Tree:
    """The made-up host: a process of 100 MiB address space, 40 MiB RSS and no limits, on 4 GiB of which 2 are left."""

    def __init__(self, root: Path) -> None:
        self.path = root
        self.root = str(root)
        self.write("/proc/self/statm", f"{100 * MIB // PAGE} {40 * MIB // PAGE} 1000 500 0 {30 * MIB // PAGE} 0")
        self.write("/proc/self/status", "Name:\tpython\nUid:\t1000\t1000\t1000\t1000\nThreads:\t5\n")
        self.limits()
        self.machine()

    def write(self, path: str, text: object) -> None:
        """Write a file, with the directories it lies in."""
        file = self.path / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")

    def limits(self, **soft: int) -> None:
        """The soft resource limits; those not named are unlimited."""
        names = ("data", "nproc", "nofile", "address_space")
        self.write("/proc/self/limits", LIMITS.format(**{name: soft.get(name, "unlimited") for name in names}))

    def machine(self, swap_kib: int = 0, overcommit: int = 0) -> None:
        """The machine's memory."""
        self.write("/proc/meminfo", MEMINFO.format(swap_kib=swap_kib))
        self.write("/proc/sys/vm/overcommit_memory", overcommit)

    def in_groups(self, lines: str, root1: str = "/", root2: str = "/") -> None:
        """The control groups of the process, and what of the hierarchies is mounted."""
        self.write("/proc/self/cgroup", lines)
        self.write("/proc/self/mountinfo", MOUNTS.format(root1=root1, root2=root2))

    def group(self, path: str, *, limit: object = "max", used: int = 0, cache: int = 0, **more: object) -> None:
        """A group of cgroup v2; `more` are further files of it, with _ for each dot."""
        directory = f"{V2}{path}"
        self.write(f"{directory}/memory.max", limit)
        self.write(f"{directory}/memory.current", used)
        self.write(f"{directory}/memory.stat", f"anon {used - cache}\nactive_file 12345\ninactive_file {cache}")
        for name, text in more.items():
            self.write(f"{directory}/{name.replace('_', '.')}", text)

    def old_group(self, path: str, *, limit: int = V1_UNLIMITED, used: int = 0, cache: int = 0, **more: object) -> None:
        """A group of cgroup v1."""
        directory = f"{V1}{path}"
        self.write(f"{directory}/memory.limit_in_bytes", limit)
        self.write(f"{directory}/memory.usage_in_bytes", used)
        self.write(f"{directory}/memory.stat", f"inactive_file 1\ntotal_inactive_file {cache}")
        for name, text in more.items():
            self.write(f"{directory}/memory.{name}", text)
