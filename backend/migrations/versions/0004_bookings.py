"""Bookings

With their items, and the hours they take: the primary key of `booked_hours` refuses a double booking.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from plimsoll.migrations.operations import create_index_if_missing, create_table_if_missing, drop_table_if_present

revision = "0004"
down_revision = "0003"

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EXACT_TEXT = sa.String(64).with_variant(mysql.VARCHAR(64, collation="utf8mb4_bin"), "mysql", "mariadb")
OPTIONS = {"mysql_charset": "utf8mb4", "mariadb_charset": "utf8mb4"}


def upgrade() -> None:
    """Make the tables."""
    _create_bookings()
    for columns in (["account_id", "id"], ["space_id", "id"], ["status", "id"]):
        create_index_if_missing(f"ix_bookings_{'_'.join(columns)}", "bookings", columns)
    create_table_if_missing(
        "booking_items",
        sa.Column("booking_id", ROW_ID, nullable=False),
        sa.Column("item_id", ROW_ID, nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_price", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("booking_id", "item_id", name="pk_booking_items"),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name="fk_booking_items_booking_id"),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="fk_booking_items_item_id"),
        **OPTIONS,
    )
    create_index_if_missing("ix_booking_items_item_id", "booking_items", ["item_id"])
    create_table_if_missing(
        "booked_hours",
        sa.Column("space_id", ROW_ID, nullable=False, autoincrement=False),
        sa.Column("hour_start", sa.DateTime(), nullable=False),
        sa.Column("booking_id", ROW_ID, nullable=False),
        sa.PrimaryKeyConstraint("space_id", "hour_start", name="pk_booked_hours"),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name="fk_booked_hours_space_id"),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name="fk_booked_hours_booking_id"),
        **OPTIONS,
    )
    create_index_if_missing("ix_booked_hours_booking_id", "booked_hours", ["booking_id"])


def downgrade() -> None:
    """Drop the tables, and all bookings with them."""
    for table in ("booked_hours", "booking_items", "bookings"):
        drop_table_if_present(table)


def _create_bookings() -> None:
    create_table_if_missing(
        "bookings",
        sa.Column("id", ROW_ID, nullable=False, autoincrement=True),
        sa.Column("account_id", ROW_ID, nullable=False),
        sa.Column("space_id", ROW_ID, nullable=False),
        sa.Column("starts_at", sa.DateTime(), nullable=False),
        sa.Column("ends_at", sa.DateTime(), nullable=False),
        sa.Column("guests", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(500), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("idempotency_key", EXACT_TEXT, nullable=True),
        sa.Column("request_hash", sa.String(64), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("cancelled_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_bookings"),
        sa.UniqueConstraint("account_id", "idempotency_key", name="uq_bookings_account_id_idempotency_key"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_bookings_account_id"),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"], name="fk_bookings_space_id"),
        **OPTIONS,
    )
