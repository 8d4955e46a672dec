"""PL212, PL213: the pool's own numbers fit each other: its line, and what it keeps open."""

import math

from plimsoll.capacity.wording import counted
from plimsoll.checks.check import Check
from plimsoll.checks.env_lines import env_line
from plimsoll.checks.facts import Facts
from plimsoll.checks.load_line import plan_of
from plimsoll.checks.verdict import Found, Level, NotApplicable, Passed, Verdict

TAGS = frozenset({"capacity"})

USUAL_HOLD_S = 0.05
"""How long a request holds a connection, where nothing was measured: the figure that DB_POOL_MAX_WAITING's default is
reckoned with (`PoolOptions.max_waiting`)."""

OF_THE_WAIT = 2 / 3
"""The part of DB_POOL_TIMEOUT in which the last in line is to be served by what is proposed: uses are not all alike."""


def _line(facts: Facts) -> Verdict:
    settings = facts.settings.value
    waiting, most = settings.pool_max_waiting, plan_of(facts).most
    last_s = waiting / most * USUAL_HOLD_S
    line = f"{waiting} in line for {counted(most, 'connection')}"
    fits = f"{line} at {USUAL_HOLD_S * 1000:g} ms a use: the last waits {last_s:.2g} s"
    if last_s <= settings.pool_timeout_s:
        return Passed(f"{fits}, within DB_POOL_TIMEOUT ({settings.pool_timeout_s:g} s)")
    proposed = max(1, math.floor(settings.pool_timeout_s / USUAL_HOLD_S * most * OF_THE_WAIT))
    return Found(
        f"{fits}, and gives up after {settings.pool_timeout_s:g} s (DB_POOL_TIMEOUT)",
        f"Let at most {proposed} wait; the next is told at once, and can come again.",
        (env_line(settings, "DB_POOL_MAX_WAITING", proposed, risk="At a peak requests are refused that now wait."),),
        numbers={"last_wait_s": last_s, "pool_timeout_s": settings.pool_timeout_s},
    )


def _kept(facts: Facts) -> Verdict:
    settings = facts.settings.value
    plan = plan_of(facts)
    kept, size, most = settings.pool_min_idle, plan.pool_size, plan.most
    if kept == 0:
        return NotApplicable("DB_POOL_MIN_IDLE is 0: none is kept open while nobody uses it")
    if kept <= size:
        return Passed(f"DB_POOL_MIN_IDLE {kept} <= DB_POOL_SIZE {size}")
    return Found(
        f"DB_POOL_MIN_IDLE is {kept}, DB_POOL_SIZE {size}, and the pool opens {most} at most (DB_MAX_OVERFLOW)",
        f"Keep at most {size} open; or raise DB_POOL_SIZE, after 'plimsoll capacity' has said that it fits.",
        (env_line(settings, "DB_POOL_MIN_IDLE", size),),
        numbers={"min_idle": kept, "pool_size": size},
    )


CHECKS: tuple[Check, ...] = (
    Check(
        "PL212",
        "The line for a connection is longer than the wait",
        Level.WARNING,
        TAGS,
        "Those at its end only wait to be refused, and take memory meanwhile.",
        """\
`DB_POOL_MAX_WAITING` against `DB_POOL_SIZE` + `DB_MAX_OVERFLOW` and `DB_POOL_TIMEOUT`.

In a line of first come, first served the last one waits for all before it: places / connections x time of a use. If
that is longer than the limit, the end of the line is load that is carried for nothing.

Threshold: 50 ms a use, by which the default of 200 was chosen. Uses that take longer make it worse.

Suppress it where uses are known to be much shorter than 50 ms.
""",
        _line,
    ),
    Check(
        "PL213",
        "More connections are to be kept open than the pool is large",
        Level.WARNING,
        TAGS,
        "The pool keeps connections of its overflow open too, so that what was meant for peaks is taken all the time.",
        """\
`DB_POOL_MIN_IDLE` against `DB_POOL_SIZE`.

`DB_POOL_SIZE` is what a process keeps, `DB_MAX_OVERFLOW` what it may open beyond that for a moment. Connections that
are kept although nobody uses them cost the server memory and other processes their share.

Threshold: the number is compared with the setting itself; there is no threshold beside it.

There is no reason to suppress this: raise `DB_POOL_SIZE` where the number is meant.
""",
        _kept,
    ),
)
