"""The start-up gate: waits for the database, verifies it, makes or checks the schema, seeds the admin account."""

from plimsoll.startup.gate import DEVELOPMENT_LINE, PRODUCTION_LINE, Gate
from plimsoll.startup.report import GateReport, State

__all__ = ["DEVELOPMENT_LINE", "PRODUCTION_LINE", "Gate", "GateReport", "State"]
