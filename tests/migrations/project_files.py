"""The small project's place, and revisions that a test writes for itself."""

import textwrap
from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).parent / "project"

ENV = """\
from sqlalchemy import MetaData

from plimsoll.migrations import run_env

run_env(MetaData())
"""

APPLICATION = """\
from pathlib import Path

from sqlalchemy import MetaData

from plimsoll import Database

database = Database.from_env(metadata=MetaData(), migrations=Path(__file__).parent / "migrations")
"""

REVISION = '''\
"""{title}

Revision ID: {revision}
Revises: {down}
"""

import os
import time

import sqlalchemy as sa
from alembic import op

from plimsoll.migrations.operations import *

revision = {revision!r}
down_revision = {down!r}
depends_on = {depends_on!r}


def upgrade() -> None:
{body}
'''


def write_migrations(directory: Path, revisions: Mapping[str, str]) -> Path:
    """Write a chain of revisions, `{"one": "body of upgrade()"}`, and the application `written:database`.

    Returns the migrations' directory. What was written there before is replaced.
    """
    versions = directory / "migrations" / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    for old in versions.glob("*.py"):
        old.unlink()
    (directory / "migrations" / "env.py").write_text(ENV)
    (directory / "written.py").write_text(APPLICATION)
    down: str | None = None
    for revision, body in revisions.items():
        write_revision(versions, revision, down, body)
        down = revision
    return versions.parent


def write_revision(
    versions: Path,
    revision: str,
    down: str | tuple[str, ...] | None,
    body: str,
    *,
    depends_on: str | None = None,
) -> None:
    """Write one revision's file; its title is its id with a capital."""
    text = REVISION.format(
        title=revision.capitalize(),
        revision=revision,
        down=down,
        depends_on=depends_on,
        body=textwrap.indent(textwrap.dedent(body).strip() or "pass", "    "),
    )
    (versions / f"{revision}.py").write_text(text)
