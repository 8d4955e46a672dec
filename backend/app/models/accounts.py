"""Accounts: who may log in, and as what."""

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import TABLE_OPTIONS, Base
from app.models.columns import CreatedAt, RowId, exact_text


class Account(Base):
    """A person or a business that can log in. The e-mail is kept in lower case."""

    __tablename__ = "accounts"
    __table_args__ = (UniqueConstraint("email"), Index(None, "role", "id"), TABLE_OPTIONS)

    id: Mapped[RowId]
    email: Mapped[str] = mapped_column(exact_text(254))
    name: Mapped[str] = mapped_column(String(120))
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(16))
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[CreatedAt]
