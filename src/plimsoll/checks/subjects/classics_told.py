"""PL904, PL905, PL907, PL908, PL910: habits told in a page alone: nothing outside the code shows them, or another check
asks for them."""

from plimsoll.checks.page import Page

PAGES: tuple[Page, ...] = (
    Page(
        "PL904",
        "Loops that call the garbage collector",
        """\
No check looks for this: what an application's own code calls cannot be seen without reading it.

`gc.collect()` in a loop, in a middleware or after each request is a usual answer to memory that grows. It frees only
objects that refer to each other in a circle and that nobody else refers to. Objects that a list, a cache, a task or a
session still holds stay, and so do connections, buffers of TLS and what malloc keeps for later. Meanwhile each call
stops the event loop for as long as it takes to visit every object.

Look instead at what grows: `plimsoll limits --pid` says which limit is near, `/ops/figures` who holds connections and
for how long. `tracemalloc` names the lines that allocate; run it for an hour and not for good (PL606).

One use of it is right: `gc.freeze()` once after the start, before workers are forked, so that they share memory.
""",
    ),
    Page(
        "PL905",
        "Certificate checks that are switched off",
        """\
PL016 looks for it on the way to the database.

A certificate error is most quickly ended by not checking: `DB_SSL_MODE=require`, `verify=False`, `CERT_NONE`. The
connection is still encrypted, so it looks safe. But whoever answers in the server's place is believed: he gets the
password and all data, and can change what is read. Listeners are kept out, and nobody else.

The error names what is wrong. The certificate is signed by somebody the system does not know: `DB_SSL_CA` takes that
one's certificate, which the database's operator or hoster gives out. It has another name: connect by the name that is
in it. It has expired: it must be renewed. `plimsoll check --only PL010` shows whether it works then.
""",
    ),
    Page(
        "PL907",
        "A health page that always says ok",
        """\
No check before a deployment looks for this: what a page would say while the database is down is not known until it is.
`plimsoll check --stage after` asks `/health/ready` of the running service.

A page that answers 200 by itself says that the process runs, which is what `/health/live` is for. If the load balancer
is told by that page where to send requests, it sends them to workers that can answer none, and the alarm stays quiet.

Use `/health/ready` of Plimsoll, which is 503 while the database does not answer, while the start-up gate was not passed
and while the service stops. Do not let the service manager restart a process by it: a restart mends no database, and
all workers would restart at once. [Health](../health.md) has both pages. To see what yours says, stop the database of a
test system and ask.
""",
    ),
    Page(
        "PL908",
        "A percentage of the whole machine's memory",
        """\
No check looks for this: it is found in scripts and alarms outside the service.

On a machine that is shared, `free -h` and `psutil.virtual_memory().percent` tell of everybody's memory. 90 % in use
is a normal day there, since file cache counts; and a service may be at its own limit while the machine is half empty.
A guard that refuses requests above a percentage of the machine refuses for what others do, and lets pass what ends
the process.

What counts is how far it is to the limit that binds this process: of the cgroup, the account, the address space.
`plimsoll limits` lists them with what is left of each in bytes, `MEMORY_GUARD` goes by the nearest, and PL605 looks
at them before a deployment. [Limits](../limits.md) says what is read.
""",
    ),
    Page(
        "PL910",
        "More than one engine in a process",
        """\
PL101 counts the engines that are made while the application is imported.

A second engine comes with a module that was copied, a session for reports, a synchronous engine for one library. Each
has a pool of its own, so a process may ask for twice the connections that were reckoned with, and nothing says so: the
pool that is looked at is never full, while the server is. An engine that is made for each request is worse: it closes
its connections when Python gets to it, or never.

Use one engine in a process, which every module gets from one place. Where there must be several, declare them
(`DEPLOY_ENGINES`): then each gets its share, and PL201 counts them all.
""",
    ),
)
