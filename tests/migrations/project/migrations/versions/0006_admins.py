"""Admins

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa

from plimsoll.migrations.operations import create_table_if_missing, drop_table_if_present

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    create_table_if_missing(
        "admins",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(120), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_admins"),
        sa.UniqueConstraint("email", name="uq_admins_email"),
    )


def downgrade() -> None:
    drop_table_if_present("admins")
