"""The text of docs/problems.md, written from the rules by `tools/write_problem_page.py`; a test compares."""

from collections.abc import Iterable

from plimsoll.snapshot.causes.rule import Rule

HEAD = """\
# What does this problem mean, and what do I do about it?

The console, `plimsoll watch`, `/ops/snapshot` and reports begin with what is wrong now, the gravest first: a sentence
with its cause and numbers, and what to do next. Each kind has a key that stays the same, so that it can be searched
for, counted or silenced. Where all is well the list is empty.

```text
critical pool-exhausted
  12 of 40 connections are held by GET /export for over 30 s, taken at app/export.py:41 in export; 25 wait for one.
  do: Take its connections back under Holders; then let GET /export end its transaction before slow work that needs no
      database (a call to another service, a file, a stream).
```

- **critical**: requests fail now, or are about to. **warning**: they will, or data or time is lost. **info**: worth
  knowing, not worth waking up for.
- A cause is told once: what follows from it (who waits for an exhausted pool, errors of a route while the database is
  down) is not told beside it.
- "Lately" is since the snapshot that the present one is compared with, some 30 s ago; in the first minute of a worker,
  since its start.
- Where several workers are seen together a problem begins with the worker that has it. Where several have it, an
  exhausted pool and connections that are held are told with the numbers of all of them together
  (`web-1:5 and web-1:6 together: 24 of 80 connections are held by ...`); of any other kind it is said how many have it,
  and the numbers are those of the worker that is named first
  (`In 3 of 4 workers, worst in web-1:5 (also web-1:6 and web-2:7): ...`, or `such as` where it is as grave in the
  others). Where all have it, the others are not named (`In all 4 workers, such as web-1:5: ...`). What is the server's
  is told once. The load line is then held against all that were seen.
- **silent-worker** is told there only: a worker lives and has not answered the others within a second, since something
  blocks its event loop or the process is stopped ([workers.md](workers.md)).
- So are **host-silent**, a host that did not answer, and **hosts-unseen**, hosts that use the database and are not
  asked ([several-hosts.md](several-hosts.md)).
- A setting named as a threshold counts with the value that it has; where it is off, with its default.

This page is written from the rules themselves by `tools/write_problem_page.py`.

"""


def page(rules: Iterable[Rule]) -> str:
    """A table of all keys, and a part for each."""
    rules = tuple(rules)
    rows = "".join(f"| [{rule.key}](#{rule.key}) | {rule.levels} | {rule.means} |\n" for rule in rules)
    parts = "".join(
        f"\n## {rule.key}\n\n{rule.means}\n\n**How it is judged.** {rule.judged}\n\n**What to do.** {rule.advice}\n"
        for rule in rules
    )
    return f"{HEAD}| key | level | what it means |\n|---|---|---|\n{rows}{parts}"
