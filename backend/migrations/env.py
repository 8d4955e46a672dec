"""Alembic's entry: the library knows the connection, the lock and the options, we know the models."""

from app.models import Base
from plimsoll.migrations import run_env

run_env(Base.metadata)
