"""Longer skus

SQLite copies the table for this, which orders refer to.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    with op.batch_alter_table("items") as batch:
        batch.alter_column("sku", existing_type=sa.String(40), type_=sa.String(80), existing_nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("items") as batch:
        batch.alter_column("sku", existing_type=sa.String(80), type_=sa.String(40), existing_nullable=False)
