"""Payment orders

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa

from plimsoll.migrations.operations import create_table_if_missing, drop_table_if_present

revision = "0005"
down_revision = "0004"

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    create_table_if_missing(
        "payment_orders",
        sa.Column("id", ROW_ID, nullable=False, autoincrement=True),
        sa.Column("booking_id", ROW_ID, nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("provider_key", sa.String(32), nullable=False),
        sa.Column("provider_reference", sa.String(64), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_payment_orders"),
        sa.UniqueConstraint("booking_id", name="uq_payment_orders_booking_id"),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name="fk_payment_orders_booking_id"),
        mysql_charset="utf8mb4",
        mariadb_charset="utf8mb4",
    )


def downgrade() -> None:
    """Drop the table and all payment orders."""
    drop_table_if_present("payment_orders")
