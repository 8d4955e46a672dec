"""How many connections a deployment needs, may have and should ask for. Pure: facts and settings in, numbers and
reasons out."""

from plimsoll.capacity.advice import Advice
from plimsoll.capacity.allowances import Allowance, Crowd
from plimsoll.capacity.budget import Budget, budget
from plimsoll.capacity.costs import Costs, Loop, costs_of
from plimsoll.capacity.outlook import Demand, Memory, Outlook
from plimsoll.capacity.question import PoolPlan, Question
from plimsoll.capacity.queueing import Load, Waits, waits
from plimsoll.capacity.reasons import Recommendation

__all__ = [
    "Advice",
    "Allowance",
    "Budget",
    "Costs",
    "Crowd",
    "Demand",
    "Load",
    "Loop",
    "Memory",
    "Outlook",
    "PoolPlan",
    "Question",
    "Recommendation",
    "Waits",
    "budget",
    "costs_of",
    "waits",
]
