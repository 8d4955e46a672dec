"""The worker itself: it stops, lost writes, its load line, its settings, what start-up said."""

from plimsoll.snapshot.causes.case import Case
from plimsoll.snapshot.causes.rule import Found, Rule
from plimsoll.snapshot.causes.wording import counted, listed, plain, sane, time, verb

SWITCHES = (
    ("ADMISSION", "false", "more than the pool carries waits in line instead of being answered 503 at once"),
    ("MEMORY_GUARD", "false", "nobody is refused before memory runs out"),
    ("DB_LEAK_THRESHOLD", "0", "the log does not name who keeps a connection"),
    ("DB_STATEMENT_TIMEOUT", "0", "a statement may run without end"),
    ("REQUEST_TIMEOUT", "0", "a request may run without end"),
)
"""Settings that take a protection away, by the value that does, and what follows."""


def _stopping(case: Case) -> Found | None:
    if not case.now.admission.stopping:
        return None
    in_flight = sane(case.now.admission.in_flight)
    return Found(
        "info",
        f"This worker is being stopped: {counted(in_flight, 'request')} {verb(in_flight, 'is', 'are')} still in "
        "flight, and new ones are answered 503.",
        "Nothing, if it was meant. What is not done within SHUTDOWN_TIMEOUT is rolled back.",
        frozenset({"not-ready", "refusals", "route-errors", "startup-warnings", "settings-odd"}),
    )


def _lost_writes(case: Case) -> Found | None:
    lost = sane(case.now.counters.get("lost_writes", 0))
    if not lost:
        return None
    lately = case.counter_rose("lost_writes")
    count, when = (lately, case.lately) if lately else (lost, f"since the worker began {time(case.age_s)} ago")
    return Found(
        "critical" if lately else "warning",
        f"{counted(count, 'session')} {verb(count, 'was', 'were')} closed with changes that nobody committed {when}: "
        "they are lost, though the answer may have said that all went well.",
        "The log names the route: call 'await session.commit()' before the end, or take the session as TransactionDep.",
    )


def _load_line(case: Case) -> Found | None:
    line = case.now.load_line
    if line is None or line.fits:
        return None
    allowed, by = line.allowed, plain(line.binding)
    now = allowed is not None and line.demanded > allowed
    wanted = line.demanded if now else line.demanded_deploying
    when = "All workers together" if now else "While a deployment replaces the workers they"
    if allowed is None or wanted <= allowed:
        sentence = f"The pools ask for more than the server carries: {plain(line.why, 160).rstrip('.')}."
    else:
        sentence = f"{when} may ask for {counted(wanted, 'connection')}, and {allowed:,} are allowed by {by}."
    size, overflow = line.advised_size, line.advised_overflow
    advice = "See 'plimsoll capacity' for sizes that fit."
    if size is not None:
        extra = f" and DB_MAX_OVERFLOW={overflow}" if overflow is not None else ""
        advice = f"Set DB_POOL_SIZE={size}{extra} ('plimsoll capacity' shows the reckoning)."
    return Found("warning" if now or allowed is None else "info", sentence, advice)


def _settings(case: Case) -> Found | None:
    if not case.now.worker.production:
        return None
    off = [
        (name, effect) for name, value, effect in SWITCHES if case.says(name, value) or case.says(name, f"{value}.0")
    ]
    waits_s, request_s = sane(case.now.pool.timeout_s), case.setting("REQUEST_TIMEOUT", 0)
    parts = []
    if off:
        names, effects = zip(*off, strict=True)
        parts.append(f"{listed(names)} {verb(len(off), 'is', 'are')} off: {', '.join(effects[:2])}")
    if request_s and waits_s >= request_s:
        parts.append(
            f"DB_POOL_TIMEOUT ({time(waits_s)}) is not below REQUEST_TIMEOUT ({time(request_s)}): who waits for a "
            "connection never gets to use it"
        )
    if not parts:
        return None
    return Found(
        "info",
        f"{'; '.join(parts)}.",
        "Set it back for production, if it was not meant: docs/settings.md has the defaults.",
    )


def _warnings(case: Case) -> Found | None:
    warnings = case.now.worker.warnings
    if not warnings:
        return None
    more = f" (and {len(warnings) - 1} more)" if len(warnings) > 1 else ""
    return Found(
        "info",
        f"Start-up warned{more}: {plain(warnings[0], 300).rstrip('.')}.",
        "Run the checklist (Checks, or 'plimsoll check'): it says what to do about most of it.",
    )


STOPPING = Rule(
    "stopping",
    "info",
    "The worker got a signal to stop. It finishes what is in flight and lets nobody in.",
    "As admission says.",
    "Nothing, if it was meant.",
    _stopping,
)

LOST_WRITES = Rule(
    "lost-writes",
    "critical, warning",
    "A session was closed with changes in it that nobody committed. The client may have been told that all went well.",
    "The counter `lost_writes`: critical if it rose lately, a warning for as long as the worker lives.",
    "The log names the route. Commit before the end, or use `TransactionDep`.",
    _lost_writes,
)

RULES = (
    Rule(
        "load-line",
        "warning, info",
        "The pools of all workers of the declared topology may ask for more connections than they can have.",
        "What `plimsoll capacity` reckons: a warning where it does not fit, for information where only a deployment, "
        "with old and new workers at a time, does not.",
        "Set the sizes that the action gives, or declare the topology as it is.",
        _load_line,
    ),
    Rule(
        "settings-odd",
        "info",
        "Settings of production take a protection away.",
        "In production only: " + ", ".join(f"`{name}={value}`" for name, value, _effect in SWITCHES) + ", or "
        "`DB_POOL_TIMEOUT` not below `REQUEST_TIMEOUT`.",
        "Set them back, if it was not meant.",
        _settings,
    ),
    Rule(
        "startup-warnings",
        "info",
        "Start-up went on, and had something to say.",
        "The warnings of start-up.",
        "The checklist (Checks, or `plimsoll check`) says what to do about most of them.",
        _warnings,
    ),
)
