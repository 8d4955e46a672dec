"""Alembic migrations for all three databases: run by one process at a time, named when they fail, adoptable."""

from plimsoll.migrations.environment import run_env
from plimsoll.migrations.runner import Migrations
from plimsoll.migrations.state import MigrationState, Revision

__all__ = ["MigrationState", "Migrations", "Revision", "run_env"]
