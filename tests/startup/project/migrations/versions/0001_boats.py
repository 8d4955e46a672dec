"""Boats

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa

from plimsoll.migrations.operations import create_table_if_missing

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table."""
    create_table_if_missing(
        "boat",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=True),
        sa.Column("name", sa.String(40), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
