"""What a breakage is: a name, one step, and what the check has to say of it."""

import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from plimsoll.checks.check import Stage
from tests.checks.breakages.deployment import Deployment, git

Step = Callable[[Deployment], None]


def nothing(_deployment: Deployment) -> None:
    """No step at this time."""


@dataclass(frozen=True)
class Breakage:
    """`step` breaks one thing on a good deployment; `names` are the checks that find it. More than one needs a `why`:
    what makes two findings of one cause right.

    At stage after the service is started behind `step`, unless it shall not run, with `environ` beside its .env; `then`
    is what happens while it runs.
    """

    name: str
    step: Step
    names: frozenset[str]
    stage: Stage = "before"
    why: str = ""
    kind: str = "mariadb"
    then: Step = nothing
    serving: bool = True
    environ: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert len(self.names) == 1 or self.why, f"{self.name}: why does it have {len(self.names)} findings?"


def before(name: str, step: Step, *names: str, why: str = "", kind: str = "mariadb") -> Breakage:
    """A breakage that is seen before the deployment."""
    return Breakage(name, step, frozenset(names), "before", why, kind)


def after(
    name: str,
    *names: str,
    step: Step = nothing,
    then: Step = nothing,
    why: str = "",
    serving: bool = True,
    **environ: str,
) -> Breakage:
    """A breakage that is seen in the running service, started with further variables."""
    return Breakage(name, step, frozenset(names), "after", why, "mariadb", then, serving, environ)


def env(**lines: str) -> Step:
    """Change lines of .env."""
    return lambda deployment: deployment.set(**lines)


def variables(**environ: str) -> Step:
    """Set variables of the process."""

    def step(deployment: Deployment) -> None:
        deployment.environ.update(environ)

    return step


def limits(command: str) -> Step:
    """Give the process limits, by a command of the shell."""

    def step(deployment: Deployment) -> None:
        deployment.limits = command

    return step


def options(*words: str) -> Step:
    """Ask the check with further options."""

    def step(deployment: Deployment) -> None:
        deployment.options += words

    return step


def sql(statement: str) -> Step:
    """Run a statement as the administrator; `{name}` is the database's and the account's name."""

    def step(deployment: Deployment) -> None:
        deployment.database.sql(statement.format(name=deployment.database.name))

    return step


def server(**values: object) -> Step:
    """Set global variables of MariaDB, until the test ends."""

    def step(deployment: Deployment) -> None:
        for name, value in values.items():
            deployment.database.server.set_global(name, value)  # type: ignore[union-attr]

    return step


def code(file: str, old: str, new: str) -> Step:
    """Change the code of the release."""
    return lambda deployment: deployment.edit(file, old, new)


def more_code(file: str, text: str) -> Step:
    """Add code to the release."""
    return lambda deployment: deployment.append(file, text)


def in_git(*words: str) -> Step:
    """Have git do something in the repository."""
    return lambda deployment: git(deployment.home, *words)


def mode(permissions: int) -> Step:
    """Give the .env file other permissions."""
    return lambda deployment: (deployment.home / ".env").chmod(permissions)


def file(name: str, text: str) -> Step:
    """Write a file in the repository."""

    def step(deployment: Deployment) -> None:
        (deployment.home / name).write_text(text)

    return step


def asked(method: str, path: str, times: int = 1) -> Step:
    """Send so many requests to the running service at once, whatever it answers."""

    def send(url: str) -> None:
        request = urllib.request.Request(url, method=method)
        try:
            urllib.request.urlopen(request, timeout=20).close()
        except urllib.error.HTTPError as error:
            error.close()

    def step(deployment: Deployment) -> None:
        assert deployment.service is not None
        with ThreadPoolExecutor(times) as pool:
            list(pool.map(send, [f"{deployment.service.url}{path}"] * times))

    return step


def both(*steps: Step) -> Step:
    """What needs more than one word to be said is still one step."""

    def step(deployment: Deployment) -> None:
        for each in steps:
            each(deployment)

    return step
