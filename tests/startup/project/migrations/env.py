"""Alembic's entry."""

from plimsoll.migrations import run_env
from tests.startup.project.models import Base

run_env(Base.metadata)
