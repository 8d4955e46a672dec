"""The catalogue of items

Without the profile of a performing team, which 0006 adds.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa

from plimsoll.migrations.operations import create_index_if_missing, create_table_if_missing, drop_table_if_present

revision = "0003"
down_revision = "0002"

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    create_table_if_missing(
        "items",
        sa.Column("id", ROW_ID, nullable=False, autoincrement=True),
        sa.Column("vendor_id", ROW_ID, nullable=False),
        *_words(),
        *_numbers(),
        sa.Column("images", sa.JSON(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("is_featured", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_items"),
        sa.ForeignKeyConstraint(["vendor_id"], ["accounts.id"], name="fk_items_vendor_id"),
        mysql_charset="utf8mb4",
        mariadb_charset="utf8mb4",
    )
    create_index_if_missing("ix_items_vendor_id_id", "items", ["vendor_id", "id"])
    create_index_if_missing("ix_items_category_id", "items", ["category", "id"])


def downgrade() -> None:
    """Drop the table and the whole catalogue."""
    drop_table_if_present("items")


def _words() -> list[sa.Column[str]]:
    return [
        sa.Column("title", sa.String(160), nullable=False),
        sa.Column("summary", sa.String(255), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("category", sa.String(32), nullable=False),
        sa.Column("brand", sa.String(80), nullable=True),
        sa.Column("city", sa.String(80), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("unit", sa.String(16), nullable=False),
    ]


def _numbers() -> list[sa.Column[int]]:
    hundredths = ("price", "deposit", "tax_percent", "rating")
    counts = (
        "service_radius_km",
        "stock",
        "min_quantity",
        "max_quantity",
        "lead_time_hours",
        "setup_minutes",
        "cancellation_hours",
        "rating_count",
    )
    return [
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in hundredths),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in counts),
    ]
