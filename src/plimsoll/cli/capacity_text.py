"""A budget as people read it in a terminal: the verdict, the load line, tables, and lines to paste into `.env`."""

import textwrap
from collections.abc import Iterator, Sequence

from plimsoll.capacity import Advice, Budget, Outlook
from plimsoll.capacity.queueing import square_root_staffing
from plimsoll.capacity.wording import amount, counted, duration
from plimsoll.cli.measure import Measured, Spread

PLAIN_WIDTH = 100
"""Columns where the output is no terminal."""
NARROWEST = 40
LABEL = 13
BELOW, ABOVE, LINE = "=", "x", "|"
INDENT = " " * 6
UNKNOWN = "not known"
DELAYED = 0.1
"""The share of those who wait that square-root staffing is quoted for."""


def text_of(found: Budget, measured: Measured | None, columns: int | None) -> Iterator[str]:
    """Lines for a terminal of so many columns; None where the output is no terminal."""
    width = max(NARROWEST, columns or PLAIN_WIDTH)
    yield found.verdict
    yield ""
    yield from draw(found, width)
    for section in (_demand, _limits, _memory, _waits):
        yield ""
        yield from section(found, width)
    if measured is not None:
        yield ""
        yield from _measured(measured)
    yield ""
    yield from _for_env(found.advice, width)
    yield from _listed("What would change it:", found.levers, width)
    yield from _listed("Assumed:", found.assumptions, width)


def draw(found: Budget, width: int) -> Iterator[str]:
    """Bars of what is wanted, each with the load line across it; told apart by characters, not by colour."""
    limit = found.binding
    if limit is None:
        return
    rows = list(_rows(found, limit.steady, limit.deploying))
    scale = max(1, *(max(wanted, allowed) for _, wanted, allowed in rows))
    digits = len(f"{scale:,}")
    room = width - LABEL - digits - 3
    whole = (
        f"{limit.steady:,}"
        if limit.steady == limit.deploying
        else f"{limit.steady:,}, {limit.deploying:,} while deploying"
    )
    yield f"{' ' * LABEL}{LINE} is the load line: {whole} ({limit.name})"
    for label, wanted, allowed in rows:
        yield f"{label.ljust(LABEL)}{_bar(wanted, allowed, scale, room)}  {wanted:>{digits},}"
    yield f"{' ' * LABEL}{BELOW} below it, {ABOVE} above it"


def _rows(found: Budget, steady: int, deploying: int) -> Iterator[tuple[str, int, int]]:
    for label, view in (("as set", found.now), ("as advised", found.advised)):
        if view is not None:
            yield label, view.demand.steady, steady
            if view.demand.deploying > view.demand.steady:
                yield "  deploying", view.demand.deploying, deploying


def _bar(wanted: int, allowed: int, scale: int, room: int) -> str:
    """`room` characters with the line among them. Where less than a character is wanted or above, one shows it."""
    end, line = round(wanted / scale * room), round(allowed / scale * room)
    if wanted <= allowed:
        end = max(1, min(end, line))
        return f"{BELOW * end}{' ' * (line - end)}{LINE}{' ' * (room - line)}"
    line = min(line, room - 1)
    end = max(end, line + 1)
    return f"{BELOW * line}{LINE}{ABOVE * (end - line)}{' ' * (room - end)}"


def _demand(found: Budget, width: int) -> Iterator[str]:
    topology, plan = found.question.topology, found.question.plan
    hosts, workers = counted(topology.hosts, "host"), counted(topology.workers, "worker")
    pools = f"{hosts} x {workers} x {counted(topology.engines, 'engine')} = {counted(topology.pools, 'pool')}"
    sizes = "DB_POOL_SIZE=auto" if plan.is_auto else f"{plan.pool_size} + {plan.max_overflow}"
    yield from _wrapped(
        f"Demand: {pools} of {sizes}; {topology.pools_deploying:,} while a deployment replaces the workers "
        f"(DEPLOY_OVERLAP={topology.overlap_percent}).",
        width,
    )
    if plan.is_auto and found.automatic is not None:
        size, overflow = found.automatic
        yield f"DB_POOL_SIZE=auto takes {size}, with an overflow of {overflow}."
    if found.useful is not None:
        count, why = found.useful
        yield from _wrapped(
            f"Worked on at once: {count} of all connections ({why}). That is a ceiling of use, not of need: more make "
            "no query faster, but one that is held while nothing runs on it takes no core.",
            width,
        )


def _limits(found: Budget, width: int) -> Iterator[str]:
    names = [item.name for item in found.allowances] + [crowd.name for crowd in found.crowds]
    column = max(map(len, names), default=0) + 2
    yield f"{'Limits'.ljust(column)}  {'allowed':>9}  {'deploying':>9}  {'each pool':>9}"
    if not names:
        yield "  none is known"
    for item in sorted(found.allowances, key=lambda item: (item.each, item.deploying)):
        yield f"  {item.name.ljust(column - 2)}  {item.steady:>9,}  {item.deploying:>9,}  {item.each:>9,}"
        yield from _wrapped(item.reckoning, width, INDENT)
    for crowd in found.crowds:
        workers = "worker" if crowd.workers == 1 else "workers"
        yield f"  {crowd.name.ljust(column - 2)}  {crowd.workers:>9,} {workers} on a host"
        yield from _wrapped(crowd.reckoning, width, INDENT)


def _memory(found: Budget, _: int) -> Iterator[str]:
    views = [view for view in (found.now, found.advised) if view is not None]
    yield f"{'Memory, every connection open':<34}{'as set':>12}{'as advised' if len(views) > 1 else '':>12}"
    for label, values in (
        ("workers of a host, deploying (RSS)", [view.memory.host_rss_bytes for view in views]),
        ("a process (address space)", [view.memory.process_address_space_bytes for view in views]),
        ("the server, idle connections", [view.memory.server_idle_bytes for view in views]),
        ("the server, at worst", [view.memory.server_worst_bytes for view in views]),
    ):
        shown = "".join(f"{UNKNOWN if value is None else amount(value):>12}" for value in values)
        allowed = found.now.memory.server_allowed_bytes if label.endswith("worst") else None
        yield f"  {label:<32}{shown}" + (f"   of {amount(allowed)}" if allowed is not None else "")


def _waits(found: Budget, width: int) -> Iterator[str]:
    load = found.question.load
    if load is None:
        yield from _wrapped("Waits: give --arrival-rate (a second) and --hold-ms to have them reckoned.", width)
        return
    processes = found.question.topology.processes
    each = load.spread_over(processes)
    staffed = square_root_staffing(each.busy, DELAYED)
    shared = f", {each.busy:.1f} in each of {processes:,} processes" if processes > 1 else ""
    there = " there" if processes > 1 else ""
    yield from _wrapped(
        f"Waits at {load.arrivals_per_s:g} a second, held {duration(load.hold_s)} each: {load.busy:.1f} in use on "
        f"average (Little's law){shared}; {counted(staffed, 'connection')}{there} would let one in ten wait "
        "(square-root staffing).",
        width,
    )
    yield f"  {'pool of':<16}{'in use':>8}{'must wait':>11}{'mean':>13}{'95 %':>13}{'99 %':>13}{'at most':>11}"
    for label, view in (("as set", found.now), ("as advised", found.advised)):
        if view is not None and view.waits is not None:
            yield _wait_row(label, view)


def _wait_row(label: str, view: Outlook) -> str:
    waits = view.waits
    assert waits is not None
    times = "".join(f"{duration(time_s):>13}" for time_s in (waits.mean_s, waits.p95_s, waits.p99_s))
    pool = f"{waits.connections:,} {label}"
    return f"  {pool:<16}{waits.utilisation:>8.0%}{waits.delayed:>11.1%}{times}{f'{waits.most_per_s:.0f}/s':>11}"


def _measured(measured: Measured) -> Iterator[str]:
    yield f"Measured over {counted(measured.connections, 'connection')} (closed again):"
    server = UNKNOWN if measured.server_bytes is None else amount(measured.server_bytes)
    yield f"  a connection takes {amount(measured.rss_bytes)} RSS, {amount(measured.address_space_bytes)} address space"
    yield f"  in the server      {server}"
    yield f"  to connect         {_spread(measured.connect)}"
    yield f"  a round trip       {_spread(measured.round_trip)}"


def _spread(times: Spread) -> str:
    return f"{duration(times.least_s)} / {duration(times.median_s)} / {duration(times.most_s)} (least / median / most)"


def _for_env(advice: Advice | None, width: int) -> Iterator[str]:
    if advice is None:
        yield "Nothing is advised: not even one worker on each host fits."
        return
    yield "For .env:"
    for item in advice.recommendations:
        yield ""
        yield from _wrapped(f"Now {item.now}. {item.reason[0].upper()}{item.reason[1:]}", width, "# ")
        yield from _wrapped(item.change, width, "# ")
        yield f"{item.name}={item.value}"


def _listed(title: str, lines: Sequence[str], width: int) -> Iterator[str]:
    if lines:
        yield ""
        yield title
    for line in lines:
        yield from textwrap.wrap(line, width, initial_indent="  - ", subsequent_indent="    ")


def _wrapped(line: str, width: int, indent: str = "") -> list[str]:
    return textwrap.wrap(line, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
