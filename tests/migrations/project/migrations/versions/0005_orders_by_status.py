"""Orders by status

Revision ID: 0005
Revises: 0004
"""

from plimsoll.migrations.operations import create_index_online, drop_index_if_present

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    create_index_online("ix_orders_status_id", "orders", ["status", "id"])


def downgrade() -> None:
    drop_index_if_present("ix_orders_status_id", "orders")
