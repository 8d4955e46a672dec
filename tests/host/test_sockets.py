"""Which process has a connection of this host: by its port."""

import os
import socket
import subprocess
import sys

from plimsoll.host.sockets import owners, program, siblings

CLIENT = """\
import socket, sys
end = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
print(end.getsockname()[1], flush=True)
sys.stdin.read()
"""


def test_a_connections_process_is_found_by_its_port() -> None:
    """This one's and another's; a port that nobody has is not in the answer."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with (
            socket.create_connection(("127.0.0.1", port)) as own,
            subprocess.Popen(
                [sys.executable, "-c", CLIENT, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            ) as other,
        ):
            assert other.stdout is not None
            other_port = int(other.stdout.readline())
            found = owners({own.getsockname()[1], other_port, 1}, siblings())
            assert found == {own.getsockname()[1]: os.getpid(), other_port: other.pid}
            assert "python" in program(other.pid)
            other.communicate()


def test_this_process_is_the_first_of_its_siblings() -> None:
    """Those that it has started itself are none of them."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        found = siblings()
        assert found[0] == os.getpid()
        assert child.pid not in found
        child.communicate(b"\n")
