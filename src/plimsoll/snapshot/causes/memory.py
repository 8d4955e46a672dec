"""Memory: errors, kills, little left; and the other limits of the process."""

from plimsoll.snapshot.causes import thresholds
from plimsoll.snapshot.causes.case import Case
from plimsoll.snapshot.causes.rule import Found, Rule
from plimsoll.snapshot.causes.wording import counted, plain, sane, size, time, verb
from plimsoll.snapshot.model import LimitView

MEMORY_SYMPTOMS = frozenset({"memory-low", "refusals", "route-errors"})


def _binding(case: Case, need: str = "") -> str:
    """12 MiB are left of the address space of 800 MiB (RLIMIT_AS), and 120 MiB are resident."""
    memory = case.now.memory
    limit, needs = memory.binding, f", {need}" if need else ""
    resident = f"{needs}, and {size(memory.rss_bytes)} are resident"
    if limit is None:
        return f"no limit of this process is known{resident}"
    if limit.left is None:
        return f"{_named(limit)} is the nearest limit{resident}"
    return f"{size(limit.left)} are left of {_named(limit)}{resident}"


def _named(limit: LimitView) -> str:
    return f"the {plain(limit.name)} of {size(limit.limit)} ({plain(limit.source)})"


def _growth(case: Case) -> str:
    """What has grown lately: `; resident memory grew by 40 MiB, clients' connections by 60 in the last 30 s`."""
    if case.before is None:
        return ""
    rss = case.rose(lambda each: each.memory.rss_bytes)
    space = case.rose(lambda each: each.memory.address_space_bytes)
    clients = case.rose(lambda each: each.client_connections or 0)
    grown = [
        *([("resident memory", size(rss))] if rss >= thresholds.RESERVE_BYTES / 8 else []),
        *([("address space", size(space))] if space >= thresholds.RESERVE_BYTES / 8 else []),
        *([("clients' connections", f"{clients:,.0f}")] if clients >= thresholds.MANY_CLIENTS else []),
    ]
    parts = [f"{what} {'by' if place else 'grew by'} {by}" for place, (what, by) in enumerate(grown)]
    return f"; {', '.join(parts)} {case.lately}" if parts else ""


def _remedy(case: Case) -> str:
    """By the limit: what to do that helps with this one."""
    limit = case.now.memory.binding
    see = f"'plimsoll limits --pid {case.now.worker.pid}' shows all limits. "
    if limit is None:
        return f"{see}See which route asks for so much at once (Routes: rows), and read it in parts."
    if limit.kills:
        return (
            f"{see}Run fewer workers or raise that limit: reaching it kills the process. A bigger pool makes it worse."
        )
    return (
        f"{see}Clients' TLS connections (280 KiB each) and the arenas of threads (MALLOC_ARENA_MAX=1) take address "
        "space: end TLS in a proxy, or raise that limit. A bigger pool makes it worse."
    )


def _errors(case: Case) -> Found | None:
    errors = sane(case.now.memory.errors)
    if not errors:
        return None
    lately = case.rose(lambda each: each.memory.errors)
    count, when = (lately, case.lately) if lately else (errors, f"since the worker began {time(case.age_s)} ago")
    return Found(
        "critical" if lately else "warning",
        f"{counted(count, 'MemoryError')} {when}: {_binding(case)}{_growth(case)}.",
        _remedy(case),
        MEMORY_SYMPTOMS if lately else frozenset(),
    )


def _kills(case: Case) -> Found | None:
    kills = sane(case.now.memory.oom_kills)
    if not kills:
        return None
    lately = case.rose(lambda each: each.memory.oom_kills)
    count, when = (lately, case.lately) if lately else (kills, f"since this worker began {time(case.age_s)} ago")
    return Found(
        "critical" if lately else "warning",
        f"The kernel has killed {counted(count, 'process', 'processes')} of this worker's control group for want of "
        f"memory {when}: {_binding(case)}{_growth(case)}.",
        f"Run fewer workers, or raise the group's limit ('plimsoll limits --pid {case.now.worker.pid}' names it). The "
        "charts over time show what grew before it.",
        frozenset({"memory-low"}) if lately else frozenset(),
    )


def _low(case: Case) -> Found | None:
    now = case.now
    limit = now.memory.binding
    refused = case.counter_rose("answered_memory-short")
    left = None if limit is None or limit.unit != "bytes" else limit.left
    need = case.setting("MEMORY_RESERVE", thresholds.RESERVE_BYTES)
    need += (sane(now.memory.growth_of_a_request_bytes) or thresholds.GROWTH_BYTES) * (
        sane(now.admission.in_flight) + 1
    )
    short = left is not None and left < need
    if not (
        refused or short or now.admission.memory_pressed or (left is not None and left < thresholds.PRESSED * need)
    ):
        return None
    how, grown, turned = "is" if short or refused else "gets", _growth(case), ""
    if refused:
        when = "" if grown else f" {case.lately}"
        turned = f"; {counted(refused, 'request')} {verb(refused, 'was', 'were')} refused for it{when}"
    return Found(
        "critical" if short or refused else "warning",
        f"Memory {how} short: {_binding(case, f'the next request may need {size(need)}')}{turned}{grown}.",
        _remedy(case),
        (frozenset({"refusals"}) if refused else frozenset()) | _load_line_of(case),
    )


def _load_line_of(case: Case) -> frozenset[str]:
    """The load line where it is held against what is left of this very memory."""
    line, limit = case.now.load_line, case.now.memory.binding
    same = line is not None and limit is not None and line.binding == limit.name
    return frozenset({"load-line"}) if same else frozenset()


def _share(limit: LimitView) -> float:
    return sane(limit.used) / sane(limit.limit)


def _limits(case: Case) -> Found | None:
    near = [
        limit
        for limit in case.now.limits
        if limit.unit != "bytes" and sane(limit.limit) and _share(limit) >= thresholds.LIMIT_SHARE
    ]
    if not near:
        return None
    near.sort(key=lambda limit: (-_share(limit), limit.name, limit.source))
    first = near[0]
    name = plain(first.name)
    clients = case.now.client_connections
    open_ = f"; {counted(clients, 'connection')} of clients {verb(clients, 'is', 'are')} open" if clients else ""
    more = f" (and {', '.join(plain(limit.name, 30) for limit in near[1:3])})" if near[1:] else ""
    return Found(
        "critical" if _share(first) >= 1 else "warning",
        f"{sane(first.used):,.0f} of {sane(first.limit):,.0f} {name} are in use ({plain(first.source)}){more}{open_}.",
        "Raise the limit where the service is started, or see what takes so many: clients that stay "
        "(MAX_CLIENT_CONNECTIONS), files or threads that the application does not give back.",
    )


RULES = (
    Rule(
        "memory-errors",
        "critical, warning",
        "Requests failed since an allocation did. The sentence has the limit that binds, what is left of it, and what "
        "grew.",
        "MemoryErrors that came out of handlers: critical if one came lately, a warning while the worker lives.",
        "`plimsoll limits --pid` shows all limits. For address space: end TLS in a proxy, `MALLOC_ARENA_MAX=1`, or "
        "raise it. A bigger pool makes it worse.",
        _errors,
    ),
    Rule(
        "oom-kills",
        "critical, warning",
        "The kernel killed a process of this worker's control group. Its requests ended in the middle.",
        "The group's own count: critical if it rose lately, a warning for as long as the worker lives.",
        "Fewer workers, or a higher limit for the group.",
        _kills,
    ),
    Rule(
        "memory-low",
        "critical, warning",
        "So little memory is left that requests are refused, or soon will be.",
        f"Left of the limit that binds is less than `MEMORY_RESERVE` ({thresholds.RESERVE_BYTES >> 20} MiB) and what "
        "the requests in flight and one more may need, or requests were refused for it lately: critical. Less than "
        f"{thresholds.PRESSED} times that: a warning; the guard then closes idle connections.",
        "As for `memory-errors`. The sentence says what grew.",
        _low,
    ),
    Rule(
        "limit-near",
        "critical, warning",
        "The process has nearly all the files, threads or processes that it may.",
        f"{thresholds.LIMIT_SHARE:.0%} of a limit are used: a warning. All of it: critical.",
        "Raise the limit where the service is started, or see what takes so many.",
        _limits,
    ),
)
