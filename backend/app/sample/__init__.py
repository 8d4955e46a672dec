"""Believable sample data for development: some 2,000 items and 5,000 bookings, the same ones every time."""

from app.sample.seed import seed_sample

__all__ = ["seed_sample"]
