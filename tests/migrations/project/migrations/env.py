from chandlery.models import Base

from plimsoll.migrations import run_env

run_env(Base.metadata)
