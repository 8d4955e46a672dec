"""Colours of boats

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa

from plimsoll.migrations.operations import add_column_if_missing

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column."""
    add_column_if_missing("boat", sa.Column("colour", sa.String(20)))
