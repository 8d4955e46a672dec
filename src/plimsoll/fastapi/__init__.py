"""Plimsoll in a FastAPI application: `install` it, then take sessions by dependency."""

from plimsoll.fastapi.dependencies import (
    IntegrityConflict,
    ReadSessionDep,
    SessionDep,
    TransactionDep,
    get_read_session,
    get_session,
    get_transaction,
)
from plimsoll.fastapi.installation import install
from plimsoll.fastapi.runtime import Runtime

__all__ = [
    "IntegrityConflict",
    "ReadSessionDep",
    "Runtime",
    "SessionDep",
    "TransactionDep",
    "get_read_session",
    "get_session",
    "get_transaction",
    "install",
]
