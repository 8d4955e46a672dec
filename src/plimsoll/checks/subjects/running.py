"""PL70x: the service that was deployed answers, is ready, and is the right one."""

from plimsoll.capacity.wording import counted
from plimsoll.checks.check import AFTER, Check
from plimsoll.checks.env_lines import env_line
from plimsoll.checks.facts import Facts, RunningFacts
from plimsoll.checks.verdict import Change, CouldNot, Found, Level, NotApplicable, Passed, Verdict

TAGS = frozenset({"running"})

OK = 200

FEW = 5
"""So many of a kind are named, the others counted."""


def _answers(facts: Facts) -> Verdict:
    running = facts.running.value
    if running.live == OK:
        return Passed(f"{running.url}/health/live answers {OK}")
    if running.live is None:
        return Found(
            f"{running.url}: {running.live_error}",
            "See whether the service runs and listens there; its log tells why where it does not. 'plimsoll check' on "
            "its machine finds what keeps it from starting.",
        )
    return Found(
        f"{running.url}/health/live answers {running.live}{_and(running.live_error)}",
        "Give the address of the service itself with --url. Where a proxy is in front of it, see whether it sends "
        "/health/live on, and to which service.",
        level=Level.ERROR,
    )


def _and(words: str) -> str:
    return f": {words}" if words else ""


def _ready(facts: Facts) -> Verdict:
    running = reached(facts)
    if running.ready == OK:
        return Passed(f"/health/ready answers {OK}")
    status = "does not answer" if running.ready is None else f"answers {running.ready}"
    return Found(
        f"/health/ready {status}{_and(running.ready_detail)}",
        "Mend what the page names; the service's log has more of it. Until then it answers requests with 503.",
    )


def reached(facts: Facts) -> RunningFacts:
    """What runs; nothing else is asked of a service that does not answer."""
    running = facts.running.value
    if running.live is None:
        # The reason stands in `figures`, from the moment that it was found.
        _ = running.figures.value
    return running


def _release(facts: Facts) -> Verdict:
    running = reached(facts)
    wanted = running.expected_release
    if wanted is None:
        return NotApplicable("no release was named (--release)")
    _ = running.figures.value
    found = sorted({worker.release for worker in running.workers})
    if found == [wanted]:
        return Passed(f"{counted(len(running.workers), 'worker')} of release {wanted}")
    if found == [""]:
        return CouldNot(
            "the service does not tell its release",
            "Set RELEASE where it is started, to what the deployment calls it.",
        )
    named = ", ".join(
        f"{sum(worker.release == name for worker in running.workers)} of {name or 'an unnamed release'}"
        for name in found
    )
    fix = "Start the service anew: the code or its settings were replaced while it ran, or not replaced at all."
    if len(found) > 1 and wanted in found:
        fix = "Old workers still serve. Wait for the deployment to end, then look again; else end them."
    return Found(f"{wanted} is expected; workers: {named}", fix)


def _production(facts: Facts) -> Verdict:
    running = reached(facts)
    _ = running.figures.value
    wrong = [worker for worker in running.workers if not worker.production]
    if not wrong:
        return Passed(f"production: {running.workers[0].production_rule}")
    if facts.settings.known and not facts.settings.value.production.active:
        return Found(
            f"{wrong[0].name} runs as development, and so do the settings here say",
            "If this deployment is production, say so and start the service anew.",
            (Change("env", "ENVIRONMENT=production", name="ENVIRONMENT", value="production"),),
            level=Level.WARNING,
        )
    of_all = f"{len(wrong)} of {counted(len(running.workers), 'worker')}"
    return Found(
        f"{of_all} {'runs' if len(wrong) == 1 else 'run'} as development: {wrong[0].production_rule}",
        "The service was started with other settings than those here. Set it where the service is started, then start "
        "it anew.",
        (Change("env", "ENVIRONMENT=production", name="ENVIRONMENT", value="production"),),
    )


def _met(facts: Facts) -> Verdict:
    running = reached(facts)
    _ = running.figures.value
    met, wanted = len(running.workers), running.workers_expected
    if wanted is None:
        return NotApplicable("how many workers there should be is not known (WEB_CONCURRENCY, DEPLOY_HOSTS)")
    if met == wanted:
        return Passed(f"{counted(met, 'worker')} answered, as declared")
    declared = counted(wanted, "is", "are")
    what = f"{counted(met, 'worker')} answered, and {declared} declared (WEB_CONCURRENCY x DEPLOY_HOSTS)"
    if met > wanted:
        return Found(
            what,
            "Set WEB_CONCURRENCY and DEPLOY_HOSTS to what is deployed: the pools' sizes are reckoned with them. During "
            "a rolling deployment wait for its end.",
            _declared(facts, met),
        )
    return Found(
        what,
        "Where a balancer keeps a client with one host, ask each host by its own address. Else see in the log which "
        "worker ended and why.",
    )


def _declared(facts: Facts, met: int) -> tuple[Change, ...]:
    """The line that declares them, where each host has as many."""
    if not facts.topology.known or met % facts.topology.value.hosts:
        return ()
    return (env_line(facts.topology.value, "WEB_CONCURRENCY", met // facts.topology.value.hosts),)


CHECKS: tuple[Check, ...] = (
    Check(
        "PL701",
        "The service does not answer",
        Level.CRITICAL,
        TAGS,
        "Nobody can use it.",
        """\
`/health/live` of the address given with `--url` is asked once. It must answer 200 within the patience of a visit
(five seconds, or five times `--request-limit-ms`). Certificates of https are verified; redirects are named, not
followed.

There is no reason to suppress this.
""",
        _answers,
        AFTER,
    ),
    Check(
        "PL702",
        "The service is not ready",
        Level.ERROR,
        TAGS,
        "It answers requests with 503, and a balancer sends it none.",
        """\
`/health/ready` answers 200 where start-up is done, the server answers and the service's database is there; see
[health](../health.md). What the page says of each check that failed is shown.
""",
        _ready,
        AFTER,
    ),
    Check(
        "PL703",
        "Another release runs than was expected",
        Level.ERROR,
        TAGS,
        "What was deployed is not what serves, or old and new serve side by side.",
        """\
Compares `--release` with the `RELEASE` that each worker tells at `/ops/figures`. Several workers are asked, so that
an old one among new ones is seen. Nothing is guessed from version control: the service says what it was told.
""",
        _release,
        AFTER,
    ),
    Check(
        "PL704",
        "The running service is not in production mode",
        Level.ERROR,
        frozenset({"running", "production"}),
        "As development it makes tables by itself, and takes a weak first password.",
        """\
Each worker tells whether it runs as production and by which rule (see PL003). Where the settings here say development
too it is a warning, since then it may be meant; where they differ, an error.
""",
        _production,
        AFTER,
    ),
    Check(
        "PL708",
        "Not as many workers as declared",
        Level.WARNING,
        TAGS,
        "Pool sizes are reckoned from the declared number, and a worker that is missing serves nobody.",
        """\
Workers are told apart by host and process id. Figures are asked for on new connections, four at a time, until the
declared number (`WEB_CONCURRENCY` x `DEPLOY_HOSTS`) has answered, or four rounds met no other one.
""",
        _met,
        AFTER,
    ),
)
