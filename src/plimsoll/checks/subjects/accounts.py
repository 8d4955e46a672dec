"""PL12x: there is an administrator, whose password nobody guesses."""

from plimsoll.checks.check import Check
from plimsoll.checks.facts import AdminFacts, Facts
from plimsoll.checks.verdict import Change, CouldNot, Found, Level, NotApplicable, Passed, Verdict

EXAMPLE_DOMAIN = "@example.com"
"""Of the default ADMIN_EMAIL; RFC 2606 reserves it, so mail to it reaches nobody."""

CREATE = Change("shell", "plimsoll admin create --email you@your-domain")
TAGS = frozenset({"accounts"})


def _exists(facts: Facts) -> Verdict:
    admin = facts.admin.value
    if admin.admins:
        return Passed(f"administrators: {admin.admins}")
    if admin.has_password and (not admin.password_problem or not _production(facts)):
        return Passed(f"none yet: start-up makes {admin.email} with ADMIN_PASSWORD")
    if not _production(facts):
        return Passed("none yet: in development start-up makes one and prints its password")
    why = (
        "ADMIN_PASSWORD is too weak for one to be made at start" if admin.has_password else "ADMIN_PASSWORD is not set"
    )
    return Found(f"there is none, and {why}", "Make one, or set ADMIN_PASSWORD to a good one.", (CREATE,))


def _strong(facts: Facts) -> Verdict:
    admin = facts.admin.value
    if not admin.admins:
        return NotApplicable("there is no administrator yet (PL120)")
    if not admin.problems and admin.tries < admin.tries_meant:
        return CouldNot(
            f"there was time for {admin.tries} of {admin.tries_meant} tries of likely passwords, the likeliest first, "
            "and none of these opens an account",
            "Give it more time (--timeout 30), or run 'plimsoll admin check', which takes as long as it needs.",
        )
    if not admin.problems:
        return Passed(
            f"{admin.tries} tries of well-known passwords on {admin.accounts_tried} of {admin.admins} administrators, "
            "and none opens"
        )
    return Found(
        "\n".join(admin.problems),
        "Give the account another password.",
        (Change("shell", "plimsoll admin reset-password --email THE-ADMIN'S"),),
        level=None if _production(facts) else Level.WARNING,
        numbers={"guessable": len(admin.problems)},
    )


def _settings(facts: Facts) -> Verdict:
    admin = facts.admin.value
    wrong = list(_wrong(admin))
    if not wrong:
        return Passed("ADMIN_EMAIL and ADMIN_PASSWORD are fit for production" if admin.has_password else "not set")
    return Found("; ".join(wrong), "Set them to your own, or take ADMIN_PASSWORD out once there is an administrator.")


def _wrong(admin: AdminFacts) -> list[str]:
    wrong = []
    if admin.password_problem:
        wrong.append(f"ADMIN_PASSWORD: {admin.password_problem.rstrip('.')}")
    if admin.has_password and not admin.admins and admin.email.endswith(EXAMPLE_DOMAIN):
        wrong.append(f"ADMIN_EMAIL is {admin.email}, which nobody can receive mail at")
    return wrong


def _production(facts: Facts) -> bool:
    return facts.settings.value.production.active


CHECKS: tuple[Check, ...] = (
    Check(
        "PL120",
        "There is no administrator",
        Level.ERROR,
        TAGS,
        "Nobody can log in to administer the service.",
        """\
Accounts that the application counts as administrators. None is fine where start-up will make one: in production with
a good `ADMIN_PASSWORD`, in development in any case. See [the administrator's account](../admin-account.md).
""",
        _exists,
    ),
    Check(
        "PL121",
        "An administrator has a password that can be guessed",
        Level.CRITICAL,
        TAGS | {"secrets"},
        "Whoever tries the well-known passwords is administrator.",
        """\
The likeliest default passwords, the account's own e-mail and a weak `ADMIN_PASSWORD` are tried against the stored hash
of up to two administrators, the likeliest first; `plimsoll admin check` tries five. Each try costs about 0.1 s on
purpose, more on a busy machine: where the time (`--timeout`) ends before all were tried and none opened, the check
could not tell, and says how many were. In development it is a warning.
""",
        _strong,
    ),
    Check(
        "PL122",
        "The settings for the first administrator are weak",
        Level.WARNING,
        TAGS | {"settings"},
        "In production no administrator is made with them; in development one that anybody can guess.",
        """\
`ADMIN_PASSWORD` against the rules for administrators (12 characters, none of the passwords that breaches made known,
not the account's own words), and, while there is no administrator, the default `ADMIN_EMAIL`.
""",
        _settings,
    ),
)
