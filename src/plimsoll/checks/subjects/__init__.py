"""The checks, a module a subject. Each has its `CHECKS`; `plimsoll.checks.registry` lists the modules."""
