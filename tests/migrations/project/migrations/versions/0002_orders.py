"""Orders

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa

from plimsoll.migrations.operations import create_index_if_missing, create_table_if_missing, drop_table_if_present

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    create_table_if_missing(
        "orders",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(16), server_default="new", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_orders"),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="fk_orders_item_id", ondelete="CASCADE"),
    )
    create_index_if_missing("ix_orders_item_id", "orders", ["item_id"])


def downgrade() -> None:
    drop_table_if_present("orders")
