"""Alembic's entry."""

from tests.startup.project.models import Base

from plimsoll.migrations import run_env

run_env(Base.metadata)
