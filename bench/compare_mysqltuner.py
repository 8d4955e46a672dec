"""`plimsoll check` beside mysqltuner on the same MariaDB servers: one healthy, the others with one thing wrong each.

Each server is started for the purpose, carries the service of `backend/` and a little load. mysqltuner looks at it as
its administrator, with the server's log; ours as the account of the service, from the deployment's home. What either
says on the healthy server, or says beside what is wrong on another, is counted as a false alarm.

Needs Debian's package `mysqltuner`. Run: `python bench/compare_mysqltuner.py`.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pymysql
from tests.checks.breakages.deployment import ENV, Deployment, make_home, narrow
from tests.checks.breakages.servers import careful_mariadb
from tests.cli.conftest import Ended
from tests.servers import MariaDbServer, RunningCommand
from tests.servers.process import ADMIN

PROGRAM = "mysqltuner"
LONGEST_S = 180.0
ADVICE = "advice: "
"""Before a line of the recommendations at the end, most of which say again what is marked above."""

FOR_MYSQLTUNER = ("--innodb-buffer-pool-chunk-size=2097152",)
"""mysqltuner 1.9.9 divides by this value, which MariaDB 10.11 has at 0 unless it is set, and would end there."""

STATEMENTS = 400
SLEEPERS = 12
AT_ONCE = 3
"""Servers at a time: nothing here is measured by the clock."""

Step = Callable[[Deployment], None]


def nothing(_deployment: Deployment) -> None:
    """The server's options have it all."""


@dataclass(frozen=True)
class Case:
    """One thing that is wrong. `options` are the server's, `step` what is done on it; `ours` are the ids of ours that
    would be right, `theirs` a pattern of the lines of mysqltuner's that would be."""

    name: str
    ours: frozenset[str]
    theirs: str
    options: tuple[str, ...] = ()
    step: Step = nothing


@dataclass(frozen=True)
class Said:
    """What a program said: advice by its words or ids, and what it says that it cannot tell yet."""

    advice: tuple[str, ...]
    not_yet: frozenset[str] = frozenset()


def sql(statement: str) -> Step:
    """As the server's administrator; `{name}` is the service's database and account."""

    def step(deployment: Deployment) -> None:
        deployment.database.sql(statement.format(name=deployment.database.name))

    return step


def env(**lines: str) -> Step:
    """Lines of the service's .env."""
    return lambda deployment: deployment.set(**lines)


def full(deployment: Deployment) -> None:
    """All connections in use at once, and one more that is refused."""
    with ExitStack() as stack, suppress(pymysql.err.OperationalError):
        for _ in range(SLEEPERS + 1):
            stack.callback(_connect(deployment).close)


def failed_logins(deployment: Deployment) -> None:
    """Half of all attempts to connect have a wrong password."""
    for _ in range(SLEEPERS * 10):
        with suppress(pymysql.err.OperationalError):
            _connect(deployment, password="not-the-password")


def joins(deployment: Deployment) -> None:
    """Joins by columns without an index, and sorts of what they give, on the disk."""
    connection = _connect(deployment)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE one_side AS SELECT seq AS id, MD5(seq) AS words FROM seq_1_to_2000")
        cursor.execute("CREATE TABLE other_side AS SELECT * FROM one_side")
        for _ in range(300):
            cursor.execute("SELECT COUNT(*) FROM one_side a JOIN other_side b ON a.words = b.words AND a.id < 20")
    connection.close()


CASES = (
    Case("the slow log is off", frozenset({"PL331"}), r"slow.query.log|slow_query_log", ("--slow-query-log=0",)),
    Case(
        "5000 connections that memory does not carry",
        frozenset({"PL311"}),
        r"possible memory usage|Maximum possible memory|max_connections",
        ("--max-connections=5000",),
    ),
    Case(
        "all connections were in use, and one refused",
        frozenset({"PL201", "PL203", "PL301", "PL302"}),
        r"connection usage|max_connections",
        (f"--max-connections={SLEEPERS}",),
        full,
    ),
    Case("sql_mode is empty", frozenset({"PL352"}), r"sql_mode", ("--sql-mode=",)),
    Case(
        "a table in latin1",
        frozenset({"PL341"}),
        r"latin1|charset|character set|collation",
        step=sql("CREATE TABLE extra (id INT PRIMARY KEY, name VARCHAR(40)) CHARACTER SET latin1"),
    ),
    Case(
        "a table without transactions",
        frozenset({"PL343"}),
        r"MyISAM",
        step=sql("CREATE TABLE extra ENGINE=MyISAM AS SELECT seq AS id FROM seq_1_to_5000"),
    ),
    Case(
        "wait_timeout below the pool's recycle time",
        frozenset({"PL205"}),
        r"wait_timeout",
        ("--wait-timeout=120", "--interactive-timeout=120"),
    ),
    Case(
        "the account may have fewer connections than the pool",
        frozenset({"PL202"}),
        r"max_user_connections",
        step=sql("ALTER USER '{name}'@'127.0.0.1' WITH MAX_USER_CONNECTIONS 8"),
    ),
    Case(
        "the account may read every file of the server",
        frozenset({"PL012"}),
        r"privilege|FILE",
        step=sql("GRANT FILE ON *.* TO '{name}'@'127.0.0.1'"),
    ),
    Case(
        "packets smaller than a request's body",
        frozenset({"PL355"}),
        r"max_allowed_packet",
        ("--max-allowed-packet=64K",),
    ),
    Case(
        "half of the logins fail",
        frozenset({"PL304"}),
        r"[Aa]borted",
        step=failed_logins,
    ),
    Case("another account has no password", frozenset(), r"guest", step=sql("CREATE USER 'guest'@'%'")),
    Case("joins without an index", frozenset(), r"join", step=joins),
    Case("no thread is kept", frozenset({"PL306"}), r"thread_cache|Thread cache", ("--thread-cache-size=0",)),
    Case(
        "a buffer pool of a fifth of the log's size",
        frozenset({"PL312"}),
        r"log.file.size|buffer pool",
        ("--innodb-buffer-pool-size=8M", "--innodb-log-file-size=40M"),
    ),
)


def _connect(deployment: Deployment, password: str | None = None) -> "pymysql.Connection[pymysql.cursors.Cursor]":
    database = deployment.database
    return pymysql.connect(
        host=database.host or "",
        port=database.port or 0,
        user=database.user,
        password=password or database.password or "",
        database=database.name,
    )


def _load(deployment: Deployment) -> None:
    """Something for the server's counters: reads of the service's tables over a few connections that are reused."""
    connections = [_connect(deployment) for _ in range(4)]
    for number in range(STATEMENTS):
        with connections[number % 4].cursor() as cursor:
            cursor.execute("SELECT id, description FROM items WHERE id = %s", (number,))
            cursor.fetchall()
    for connection in connections:
        connection.close()


def _nobody(*_arguments: str) -> Ended:
    raise NotImplementedError("every command here runs in a process of its own")


def deploy(home: Path, server: MariaDbServer) -> Deployment:
    """The service, deployed with care on this server."""
    database = server.create_database("venues")
    narrow(database)
    # As a careful operator has it: the account comes from where the service runs, and from nowhere else.
    database.sql(f"RENAME USER '{database.user}'@'%' TO '{database.user}'@'127.0.0.1'")
    deployment = Deployment(make_home(home), database, _nobody, RunningCommand, apart=True)
    deployment.set(DATABASE_URL=database.url, **ENV)
    deployment.prepare()
    _load(deployment)
    return deployment


def ask_ours(deployment: Deployment) -> Said:
    """Findings of any level, and what could not be told."""
    checked = deployment.before()
    return Said(tuple(sorted(checked.found)), frozenset(checked.unknown))


def ask_theirs(server: MariaDbServer) -> Said:
    """Lines of mysqltuner's that are marked as bad, and then what it recommends."""
    options = server.directory / "client.cnf"
    options.write_text(f"[client]\nuser={ADMIN}\npassword={server.admin_password}\nsocket={server.socket}\n")
    options.chmod(0o600)
    words = [PROGRAM, "--defaults-file", str(options), "--nocolor", "--server-log", str(server.log_path)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    if "Uncaught exception" in ended.stdout + ended.stderr:
        return Said(("(it ended with an error of its own)",))
    bad = [line.removeprefix("[!!]").strip() for line in ended.stdout.splitlines() if line.startswith("[!!]")]
    _, _, recommended = ended.stdout.partition("-------- Recommendations")
    named = re.findall(r"^    (\S.*)$", recommended, re.MULTILINE)
    return Said((*bad, *(f"{ADVICE}{line.strip()}" for line in named)))


def _plain(line: str) -> str:
    """Without what differs from server to server by chance: numbers, names of databases, directories."""
    line = re.sub(r"\d+(?:\.\d+)?", "N", _short(line))
    return line.replace("-log is EOL", " is EOL")  # the version's name has it where the slow log is on


def run(case: Case | None) -> tuple[Said, Said]:
    """What both say of a server with this fault; of a healthy one where there is none."""
    with (
        tempfile.TemporaryDirectory() as home,
        careful_mariadb((*FOR_MYSQLTUNER, *(case.options if case else ()))) as server,
    ):
        deployment = deploy(Path(home) / "venues", server)
        if case is not None:
            case.step(deployment)
        return ask_ours(deployment), ask_theirs(server)


def compare(case: Case, healthy: tuple[Said, Said]) -> str:
    """A row of the table."""
    ours, theirs = run(case)
    right = [id_ for id_ in ours.advice if id_ in case.ours]
    not_yet = sorted(case.ours & ours.not_yet)
    extra = [id_ for id_ in ours.advice if id_ not in case.ours and id_ not in healthy[0].advice]
    old = set(map(_plain, healthy[1].advice))
    new = [line for line in theirs.advice if _plain(line) not in old]
    hits = [line for line in new if re.search(case.theirs, line, re.IGNORECASE)]
    misses = [line for line in new if line not in hits and not line.startswith(ADVICE)]
    our_words = ", ".join(right) or (f"cannot tell yet ({', '.join(not_yet)})" if not_yet else "-")
    their_words = _short(hits[0]) if hits else "-"
    return f"| {case.name} | {our_words} | {', '.join(extra) or '-'} | {their_words} | {_cells(misses)} |"


def _short(line: str) -> str:
    """To print, without a name or a place that is this run's alone."""
    line = re.sub(r"venues_[0-9a-f]+", "venues", line.removeprefix(ADVICE))
    return re.sub(r"/tmp/\S+/", "", line).replace("|", "\\|").strip()


def _cells(lines: Sequence[str]) -> str:
    return "; ".join(map(_short, lines)) or "-"


def main() -> None:
    """Print the tables."""
    if shutil.which(PROGRAM) is None:
        sys.exit(f"{PROGRAM} is not installed: apt-get install {PROGRAM}")
    version = subprocess.run(["dpkg-query", "-W", PROGRAM], capture_output=True, text=True, check=False).stdout
    print(f"{' '.join(version.split()) or PROGRAM}, one server a row.\n")
    healthy = run(None)
    marked = [line for line in healthy[1].advice if not line.startswith(ADVICE)]
    print("| on the healthy server | |\n|---|---|")
    print(f"| plimsoll check | {', '.join(healthy[0].advice) or 'nothing'} |")
    print(f"| mysqltuner | {len(marked)}: {_cells(marked)} |\n")
    print(
        "| what is wrong | plimsoll check | and besides | mysqltuner | and besides |\n|---|---|---|---|---|", flush=True
    )
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for row in pool.map(lambda case: compare(case, healthy), CASES):
            print(row, flush=True)


if __name__ == "__main__":
    main()
