"""The profile of a performing team

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa

from plimsoll.migrations.operations import add_column_if_missing, drop_column_if_present

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    add_column_if_missing("items", sa.Column("performance_team_profile", sa.JSON(), nullable=True))


def downgrade() -> None:
    drop_column_if_present("items", "performance_team_profile")
