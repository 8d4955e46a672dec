"""Where a file lies, by the text of `/proc/self/mounts`."""

import pytest

from plimsoll.host import place_of
from plimsoll.host.place import mount_of
from tests.host.tree import Tree

MOUNTS = """\
/dev/sda1 / ext4 rw,relatime 0 0
server:/export /srv/data nfs4 rw 0 0
//nas/share /srv/with\\040space cifs rw 0 0
tmpfs /tmp tmpfs rw 0 0
/dev/sdb1 /srv/data/local xfs rw 0 0
/dev/sdc1 /tmp ext4 rw 0 0
odd line
"""


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/var/lib/app.sqlite3", ("/", "ext4")),
        ("/srv/data/app.sqlite3", ("/srv/data", "nfs4")),
        ("/srv/data/local/app.sqlite3", ("/srv/data/local", "xfs")),
        ("/srv/database/app.sqlite3", ("/", "ext4")),
        ("/srv/with space/app.sqlite3", ("/srv/with space", "cifs")),
        ("/tmp/app.sqlite3", ("/tmp", "ext4")),
    ],
)
def test_the_deepest_mount_holds(path: str, found: tuple[str, str]) -> None:
    """Whole names of directories, with spaces as the kernel writes them; the later of two hides the earlier."""
    assert mount_of(path, MOUNTS) == found


def test_without_mounts_nothing_is_known() -> None:
    """Another system, or a file of odd lines."""
    assert mount_of("/x", "") is None
    assert mount_of("/x", "one two") is None


def test_links_are_followed(tree: Tree) -> None:
    """A link to another disk is on that disk."""
    tree.write("/proc/self/mounts", "a / ext4 rw 0 0\nb /nowhere-else nfs rw 0 0")
    link = tree.path / "link.sqlite3"
    link.symlink_to("/nowhere-else/data.sqlite3")
    place = place_of(str(link), tree.root)
    assert (place.path, place.filesystem, place.mount) == ("/nowhere-else/data.sqlite3", "nfs", "/nowhere-else")
    assert (place.exists, place.directory_exists, place.directory_writable) == (False, False, False)
