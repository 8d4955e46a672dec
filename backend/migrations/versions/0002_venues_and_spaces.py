"""Venues and spaces

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from plimsoll.migrations.operations import create_index_if_missing, create_table_if_missing, drop_table_if_present

revision = "0002"
down_revision = "0001"

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EXACT_TEXT = sa.String(120).with_variant(mysql.VARCHAR(120, collation="utf8mb4_bin"), "mysql", "mariadb")
OPTIONS = {"mysql_charset": "utf8mb4", "mariadb_charset": "utf8mb4"}


def upgrade() -> None:
    """Make the tables."""
    create_table_if_missing(
        "venues",
        sa.Column("id", ROW_ID, nullable=False, autoincrement=True),
        sa.Column("vendor_id", ROW_ID, nullable=False),
        sa.Column("name", EXACT_TEXT, nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("address", sa.String(255), nullable=False),
        sa.Column("city", sa.String(80), nullable=False),
        sa.Column("postal_code", sa.String(16), nullable=False),
        sa.Column("phone", sa.String(32), nullable=True),
        sa.Column("utc_offset_minutes", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_venues"),
        sa.UniqueConstraint("vendor_id", "name", name="uq_venues_vendor_id_name"),
        sa.ForeignKeyConstraint(["vendor_id"], ["accounts.id"], name="fk_venues_vendor_id"),
        **OPTIONS,
    )
    create_index_if_missing("ix_venues_city_id", "venues", ["city", "id"])
    create_table_if_missing(
        "spaces",
        sa.Column("id", ROW_ID, nullable=False, autoincrement=True),
        sa.Column("venue_id", ROW_ID, nullable=False),
        sa.Column("name", EXACT_TEXT, nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("price_per_hour", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_spaces"),
        sa.UniqueConstraint("venue_id", "name", name="uq_spaces_venue_id_name"),
        sa.ForeignKeyConstraint(["venue_id"], ["venues.id"], name="fk_spaces_venue_id"),
        **OPTIONS,
    )


def downgrade() -> None:
    """Drop the tables, and all venues with them."""
    drop_table_if_present("spaces")
    drop_table_if_present("venues")
