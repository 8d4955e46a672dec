"""Plimsoll keeps an async Python backend and its database above the load line."""

from plimsoll.database import Database
from plimsoll.errors import PlimsollError
from plimsoll.settings import DatabaseSettings

__all__ = ["Database", "DatabaseSettings", "PlimsollError"]
