"""PL201 to PL203: the pools of all processes together fit what the server admits."""

from dataclasses import dataclass

from plimsoll.capacity import Allowance, Question, budget
from plimsoll.capacity.wording import counted
from plimsoll.checks.check import Check
from plimsoll.checks.env_lines import env_line
from plimsoll.checks.facts import Facts
from plimsoll.checks.load_line import question_of
from plimsoll.checks.verdict import CouldNot, Found, Level, NotApplicable, Passed, Verdict

TAGS = frozenset({"capacity", "connections"})

SERVER, ACCOUNT = "server", "account"
"""Sources of allowances, as `plimsoll.capacity` names them."""

SQLITE = NotApplicable("SQLite is a file: it admits as many connections as there are threads and open files (PL602)")


@dataclass(frozen=True, slots=True)
class Fit:
    """What the pools want, against one limit. Connections."""

    question: Question
    allowance: Allowance
    steady: int
    deploying: int
    size: int | None
    overflow: int | None

    @property
    def demand(self) -> str:
        """The multiplication, in words."""
        topology, plan = self.question.topology, self.question.plan
        hosts, workers = counted(topology.hosts, "host"), counted(topology.workers, "worker")
        pools = f"{hosts} x {workers} x {counted(topology.engines, 'engine')}"
        return f"{pools} x ({plan.pool_size} + {plan.max_overflow}) = {counted(self.steady, 'connection')}"

    @property
    def limit(self) -> str:
        """The limit with its reckoning."""
        return f"{self.allowance.name}: {self.allowance.reckoning}"


def _fit(facts: Facts, source: str) -> Fit | None:
    """The fit to a limit of the server; None where it has none, or tells none."""
    question = question_of(facts)
    found = budget(question)
    allowance = next((one for one in found.allowances if one.source == source), None)
    if allowance is None:
        return None
    size, overflow = found.automatic or (None, None)
    return Fit(question, allowance, found.now.demand.steady, found.now.demand.deploying, size, overflow)


def _found(facts: Facts, fit: Fit, evidence: str) -> Found:
    settings, topology = facts.settings.value, facts.topology.value
    numbers: dict[str, float] = {
        "wanted": fit.steady,
        "wanted_deploying": fit.deploying,
        "allowed": fit.allowance.steady,
    }
    if fit.question.plan.is_auto or fit.size is None or fit.overflow is None:
        return Found(
            evidence,
            "Not every pool gets a connection: fewer workers, hosts or engines, or a higher limit. 'plimsoll capacity' "
            "says how many fit.",
            numbers=numbers,
        )
    each, pools = fit.size + fit.overflow, topology.pools_deploying
    memory = f"{each} x {counted(pools, 'pool')} (old and new workers) = {counted(each * pools, 'connection')}"
    risk = "At a peak requests wait for a connection that now get one; the server works on few at a time anyway."
    return Found(
        evidence,
        f"Let each pool keep {fit.size} and open {fit.overflow} more at a peak: 'plimsoll capacity' has the reckoning. "
        "Raise the limit only where the server's memory carries it.",
        tuple(
            env_line(settings, name, value, risk=risk, memory=memory)
            for name, value, now in (
                ("DB_POOL_SIZE", fit.size, fit.question.plan.pool_size),
                ("DB_MAX_OVERFLOW", fit.overflow, fit.question.plan.max_overflow),
            )
            if value != now
        ),
        numbers=numbers,
    )


def _steady(facts: Facts, source: str) -> Verdict:
    fit = _fit(facts, source)
    if fit is None:
        return _no_limit(facts, source)
    if fit.steady <= fit.allowance.steady:
        return Passed(f"{fit.demand}, {fit.allowance.steady:,} allowed ({fit.limit})")
    return _found(facts, fit, f"{fit.demand}, {fit.allowance.steady:,} allowed ({fit.limit})")


def _no_limit(facts: Facts, source: str) -> Verdict:
    server = facts.server.value
    if source == SERVER:
        return CouldNot("the server did not tell its max_connections", "Let the account read the server's variables.")
    if server.account is None or "grants" in server.unread:
        why = server.unread.get("grants", server.unread.get("account", "the server did not tell"))
        return CouldNot(f"whether the account has a limit of its own is not known: {why}")
    return Passed(f"the account {server.account.user} has no limit of its own")


def _server(facts: Facts) -> Verdict:
    return SQLITE if facts.settings.value.dialect == "sqlite" else _steady(facts, SERVER)


def _account(facts: Facts) -> Verdict:
    return SQLITE if facts.settings.value.dialect == "sqlite" else _steady(facts, ACCOUNT)


def _deploying(facts: Facts) -> Verdict:
    if facts.settings.value.dialect == "sqlite":
        return SQLITE
    topology = facts.topology.value
    if topology.overlap_percent == 0:
        return NotApplicable("old workers end before new ones start (DEPLOY_OVERLAP is 0)")
    fits = [fit for fit in (_fit(facts, SERVER), _fit(facts, ACCOUNT)) if fit is not None]
    if not fits:
        return _no_limit(facts, SERVER)
    fit = min(fits, key=lambda fit: fit.allowance.deploying - fit.deploying)
    if fit.steady > fit.allowance.steady:
        return NotApplicable("the pools do not fit without a deployment either (PL201, PL202)")
    twice = f"while old and new workers run (DEPLOY_OVERLAP {topology.overlap_percent} %)"
    wanted = counted(fit.deploying, "connection")
    told = f"{twice} the pools want {wanted}, {fit.allowance.deploying:,} allowed ({fit.limit})"
    if fit.deploying <= fit.allowance.deploying:
        return Passed(told)
    found = _found(facts, fit, told)
    overlap = env_line(
        topology,
        "DEPLOY_OVERLAP",
        0,
        risk="Only where old workers really end before new ones start: the service does not answer meanwhile.",
    )
    return Found(
        found.evidence,
        f"{found.fix} Or end the old workers first, and say so with DEPLOY_OVERLAP=0.",
        found.changes or (overlap,),
        numbers=found.numbers,
    )


CHECKS: tuple[Check, ...] = (
    Check(
        "PL201",
        "The pools may ask for more connections than the server admits",
        Level.ERROR,
        TAGS,
        "At a peak the server answers 'Too many connections' (PostgreSQL: 'too many clients already') to whoever comes "
        "last, be it another service or a person.",
        """\
hosts x workers x engines x (`DB_POOL_SIZE` + `DB_MAX_OVERFLOW`), as declared by `WEB_CONCURRENCY`, `DEPLOY_HOSTS` and
`DEPLOY_ENGINES`, against the server's `max_connections` less what it reserves and less the connections of others
(`DEPLOY_OTHER_CONNECTIONS`, or as many as are open now if those are more).

Each process has pools of its own and knows nothing of the others. A number that is right for one process is wrong for
eight; it shows on the day on which all of them are busy.

Threshold: the limit itself: `plimsoll capacity` shows the reckoning. One connection is kept free for commands.

Suppress it where other means keep the number down, such as a proxy with pools of its own: then its limit counts.
""",
        _server,
    ),
    Check(
        "PL202",
        "The pools may ask for more connections than the account may have",
        Level.ERROR,
        TAGS | {"shared-hosting"},
        "At a peak the server refuses this account ('max_user_connections' in MySQL and MariaDB, 'too many connections "
        "for role' or 'for database' in PostgreSQL) although it is far from full.",
        """\
The same demand as PL201, against `MAX_USER_CONNECTIONS` of the account, `max_user_connections` of the server, or the
connection limit of the role and the database in PostgreSQL.

Shared hosting allows an account 10 to 50 connections, whatever the server has. The pool's default of 20 + 20 is over
most of these limits with a single worker.

Threshold: the limit itself. Where the account may not see it, the check says so and does not pass.

There is no good reason to: the server enforces the limit.
""",
        _account,
    ),
    Check(
        "PL203",
        "While a deployment replaces the workers, the pools want more than there is",
        Level.WARNING,
        TAGS | {"deployment"},
        "The new workers cannot connect while the old ones still run, so the deployment fails or takes the old ones "
        "down.",
        """\
The demand of PL201 with the workers that run twice (`DEPLOY_OVERLAP`, 100 % by default), against the server's and the
account's limit, whichever is nearer.

A rolling deployment starts new workers before the old ones have finished. Their pools fill at once, since clients are
already there.

Threshold: the limit itself. `DEPLOY_OVERLAP=0` says that old workers end first.

Suppress it where pools are hardly used at the hour of a deployment.
""",
        _deploying,
    ),
)
