"""A budget as programs read it. Names and units stay; what is added later is added beside them."""

import math
from dataclasses import asdict

from plimsoll.capacity import Budget, Outlook
from plimsoll.cli.measure import Measured

VERSION = 1
"""Of the form: raised when a name goes, or means something else."""


def json_of(found: Budget, measured: Measured | None) -> dict[str, object]:
    """All of a budget; a wait without end, and what is not known, are null."""
    question, advice = found.question, found.advice
    return {
        "version": VERSION,
        "fits": found.fits,
        "verdict": found.verdict,
        "binding": found.binding.name if found.binding else None,
        "topology": {
            "hosts": question.topology.hosts,
            "workers": question.topology.workers,
            "engines": question.topology.engines,
            "overlap_percent": question.topology.overlap_percent,
            "other_connections": question.others,
        },
        "load": asdict(question.load) if question.load else None,
        "as_set": _outlook(found.now),
        "as_advised": _outlook(found.advised) if found.advised else None,
        "auto": dict(zip(("pool_size", "max_overflow"), found.automatic, strict=True)) if found.automatic else None,
        "needed_by_load": advice.needed if advice else None,
        "recommendations": [asdict(item) for item in advice.recommendations] if advice else [],
        "limits": [asdict(item) for item in found.allowances],
        "worker_limits": [asdict(item) for item in found.crowds],
        "useful_at_once": {"connections": found.useful[0], "reckoning": found.useful[1]} if found.useful else None,
        "costs": asdict(question.costs),
        "measured": asdict(measured) if measured else None,
        "levers": list(found.levers),
        "assumptions": list(found.assumptions),
    }


def _outlook(view: Outlook) -> dict[str, object]:
    waits = asdict(view.waits) if view.waits else None
    return {
        "each": view.demand.each,
        "pools": view.demand.pools,
        "pools_deploying": view.demand.pools_deploying,
        "steady": view.demand.steady,
        "deploying": view.demand.deploying,
        "memory": asdict(view.memory),
        "waits": {name: value if math.isfinite(value) else None for name, value in waits.items()} if waits else None,
    }
