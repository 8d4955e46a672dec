"""Plimsoll behind a real PgBouncer."""
