"""A visit to a running service: a bounded number of polite requests, and what they tell."""
