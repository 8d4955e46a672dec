"""Asks other services over HTTP: where they are, and one client whose every answer has an end in time and in size."""
