"""The one picture of a worker that the console, the terminal, Prometheus and reports render."""

from plimsoll.snapshot.durations import Durations
from plimsoll.snapshot.model import (
    AdmissionView,
    EventView,
    HolderView,
    LimitView,
    LoadLineView,
    MemoryView,
    PoolView,
    Problem,
    ProcessView,
    RouteView,
    ServerView,
    SettingView,
    Snapshot,
    StatementView,
)
from plimsoll.snapshot.rows import WorkerRow, WorkerView

__all__ = [
    "AdmissionView",
    "Durations",
    "EventView",
    "HolderView",
    "LimitView",
    "LoadLineView",
    "MemoryView",
    "PoolView",
    "Problem",
    "ProcessView",
    "RouteView",
    "ServerView",
    "SettingView",
    "Snapshot",
    "StatementView",
    "WorkerRow",
    "WorkerView",
]
