"""The web console at `/ops/`: who may see it, its pages, its live stream, what an operator may do there."""

from plimsoll.console.access import Access
from plimsoll.console.routes import PATHS, console_routes

__all__ = ["PATHS", "Access", "console_routes"]
