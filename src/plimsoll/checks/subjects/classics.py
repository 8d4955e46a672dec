"""PL906, PL909, PL911: habits that hide a cause or make it worse. Those about memory are in `memory_fit`; what others
ask is told in `classics_told`."""

import shlex

from plimsoll.capacity.costs import KIB, TLS_ADDRESS_SPACE_KIB
from plimsoll.capacity.wording import amount
from plimsoll.checks import serving
from plimsoll.checks.check import Check
from plimsoll.checks.env_lines import env_line
from plimsoll.checks.facts import Facts
from plimsoll.checks.loggers import WATCHED
from plimsoll.checks.subjects.host_limits import ADDRESS_SPACE, the_limit
from plimsoll.checks.subjects.timeouts import ALIKE_S, inner
from plimsoll.checks.verdict import Change, CouldNot, Found, Level, NotApplicable, Passed, Verdict

CLASSIC = frozenset({"classic"})

TLS_OPTIONS = frozenset({"ssl_keyfile", "ssl_certfile", "keyfile", "certfile", "ssl_certificate"})
"""The key or the certificate in the options of uvicorn, granian, gunicorn and hypercorn."""

A_HUNDRED = 100


def _log(facts: Facts) -> Verdict:
    silenced = facts.app.value.silenced_loggers
    if silenced is None:
        return CouldNot("how logging is set up was not looked at")
    if not silenced:
        return Passed(f"warnings of {', '.join(WATCHED)} are written")
    names = ", ".join(silenced)
    return Found(
        f"warnings of {names} go nowhere, as logging is set up by the application",
        "Take out what silences them: a level above WARNING, disabled=True, disable_existing_loggers=True of "
        "logging.config, or a handler that takes errors only.",
        numbers={"silenced": len(silenced)},
    )


def _same_timeouts(facts: Facts) -> Verdict:
    settings, service = facts.settings.value, facts.service.value
    pool_s, request_s = settings.pool_timeout_s, service.request_timeout_s
    if request_s == 0:
        return NotApplicable("REQUEST_TIMEOUT is 0, so requests have no limit (PL208)")
    if abs(pool_s - request_s) >= ALIKE_S:
        return Passed(f"DB_POOL_TIMEOUT {pool_s:g} s, REQUEST_TIMEOUT {request_s:g} s")
    proposed = inner(request_s)
    return Found(
        f"DB_POOL_TIMEOUT is {pool_s:g} s and REQUEST_TIMEOUT {request_s:g} s: who waited in vain has no time left, "
        "and which of the two strikes first is chance",
        f"Wait for at most {proposed:g} s for a connection.",
        (env_line(settings, "DB_POOL_TIMEOUT", proposed, risk="Under overload more requests are refused, sooner."),),
        numbers={"pool_timeout_s": pool_s, "request_timeout_s": request_s},
    )


def _tls_here(facts: Facts) -> Verdict:
    if not serving.can_tell(facts):
        return CouldNot("neither the environment nor the application was looked at")
    found = [option for option in serving.options(facts) if option.name in TLS_OPTIONS]
    if not found:
        return Passed(f"no certificate in the server's options that are seen; {serving.NOT_SEEN}")
    told = ", ".join(dict.fromkeys(f"{option.name} ({option.where})" for option in found))
    each = TLS_ADDRESS_SPACE_KIB * KIB
    limit = the_limit(facts.host.value, ADDRESS_SPACE) if facts.host.known else None
    room = f", and {amount(limit.left)} are left: {limit.left // each} of them" if limit else ""
    variables = sorted({option.where for option in found if option.where.startswith(serving.PREFIXES)})
    return Found(
        f"{told}: each client takes some {TLS_ADDRESS_SPACE_KIB} KiB of address space{room}; {A_HUNDRED} clients "
        f"take {amount(A_HUNDRED * each)}",
        "End TLS in the web server or proxy in front, and listen on 127.0.0.1 or a socket.",
        tuple(
            Change(
                "shell",
                f"unset {name}",
                undo=f"export {name}={shlex.quote(facts.environ.get(name, '...'))}",
                name=name,
                risk="The service speaks plain HTTP from then on: the proxy must be there first.",
                memory=f"saves {TLS_ADDRESS_SPACE_KIB} KiB of address space a client",
            )
            for name in variables
        ),
        level=Level.ERROR if limit else None,
        numbers={"bytes_a_client": each},
    )


CHECKS: tuple[Check, ...] = (
    Check(
        "PL906",
        "The log of the pool is silenced",
        Level.WARNING,
        CLASSIC | {"app"},
        "Who holds connections, what leaks and what was refused is written down, and nobody can read it.",
        """\
After the application was imported: whether a warning of `plimsoll.pool`, `plimsoll.requests` and `sqlalchemy.pool`
would reach a handler.

The pool's lines are many just when something is wrong, and are then switched off for their number. They name the
route and the line of code that holds a connection, which is the quickest way to the cause.

Threshold: WARNING must pass. What the server's command sets up later (`--log-config`) is not seen.

Suppress it where another program reads the pool's numbers (`/ops/figures`) and raises the alarm.
""",
        _log,
    ),
    Check(
        "PL909",
        "A request may take just as long as the wait for a connection",
        Level.ERROR,
        CLASSIC | {"timeouts"},
        "Whoever has waited in vain gets no answer that says so, and whoever gets a connection at last has no time to "
        "use it.",
        """\
`DB_POOL_TIMEOUT` and `REQUEST_TIMEOUT`. A wait that is longer is PL207's question.

Both are often set to 30. Then the request's limit and the pool's strike in the same moment: the log has either, by
chance, and connections are handed to requests that are ended at once.

Threshold: less than a second of difference. Two thirds are proposed, as the defaults are (30 of 45 s).

There is no reason to.
""",
        _same_timeouts,
    ),
    Check(
        "PL911",
        "TLS of clients ends in the Python process",
        Level.WARNING,
        CLASSIC | {"memory", "tls"},
        "Memory and address space grow with the number of clients, whoever they are and whether they send a request "
        "or not.",
        """\
Options that name a key or a certificate: `UVICORN_SSL_*`, `GRANIAN_SSL_*`, `GUNICORN_CMD_ARGS`, and options of the
application's own. The server's command line is not seen before it runs.

Each connection takes a buffer of 256 KiB in Python's TLS, about 300 KiB of address space in all, and a handshake
before any limit of requests counts. A web server in front is there anyway. In one service
this was the cause of MemoryErrors that the pool was blamed for.

Threshold: measured: 287 KiB of memory a client under asyncio, 45 KiB under uvloop, 300 KiB of address space under
both. Where RLIMIT_AS is set it is an error.

Suppress it where clients are few and known, as between services of your own.
""",
        _tls_here,
    ),
)
