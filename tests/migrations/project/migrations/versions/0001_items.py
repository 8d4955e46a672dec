"""Items

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa

from plimsoll.migrations.operations import create_table_if_missing, drop_table_if_present

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_table_if_missing(
        "items",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sku", sa.String(40), nullable=False),
        sa.Column("price", sa.Numeric(10, 2), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_items"),
        sa.UniqueConstraint("sku", name="uq_items_sku"),
    )


def downgrade() -> None:
    drop_table_if_present("items")
