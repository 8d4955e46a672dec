"""Accounts

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from plimsoll.migrations.operations import create_index_if_missing, create_table_if_missing, drop_table_if_present

revision = "0001"
down_revision = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EXACT_TEXT = sa.String(254).with_variant(mysql.VARCHAR(254, collation="utf8mb4_bin"), "mysql", "mariadb")


def upgrade() -> None:
    """Make the table."""
    create_table_if_missing(
        "accounts",
        sa.Column("id", ROW_ID, nullable=False, autoincrement=True),
        sa.Column("email", EXACT_TEXT, nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        sa.UniqueConstraint("email", name="uq_accounts_email"),
        mysql_charset="utf8mb4",
        mariadb_charset="utf8mb4",
    )
    create_index_if_missing("ix_accounts_role_id", "accounts", ["role", "id"])


def downgrade() -> None:
    """Drop the table and all accounts."""
    drop_table_if_present("accounts")
