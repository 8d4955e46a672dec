"""The performance_team_profile of items

It succeeds as well where the column was added by hand.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa

from plimsoll.migrations.operations import add_column_if_missing, drop_column_if_present

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column, empty."""
    add_column_if_missing("items", sa.Column("performance_team_profile", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Drop the column and every profile in it."""
    drop_column_if_present("items", "performance_team_profile")
