"""A running worker in a terminal: once for scripts, or live."""
