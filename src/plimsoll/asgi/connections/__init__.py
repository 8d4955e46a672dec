"""The connections of clients: how many there may be, how long they may be silent, and which are idle."""

from plimsoll.asgi.connections.opened import Connection, current_connection
from plimsoll.asgi.connections.rules import ConnectionFigures, ConnectionRules
from plimsoll.asgi.connections.watching import ConnectionWatch, watch_connections

__all__ = [
    "Connection",
    "ConnectionFigures",
    "ConnectionRules",
    "ConnectionWatch",
    "current_connection",
    "watch_connections",
]
