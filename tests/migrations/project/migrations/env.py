from chandlery.models import Base  # type: ignore[import-not-found]

from plimsoll.migrations import run_env

run_env(Base.metadata)
