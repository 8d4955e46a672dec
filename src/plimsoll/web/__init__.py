"""Asks other services over HTTP: where they are, and one client whose every answer has an end in time and in size."""

PEER_HEADER = "x-plimsoll-peer"
"""Has a host answer for itself alone: hosts that name one another would ask in circles. It says which worker asks, and
for an operator's action who wants it done: `web1:77; operator at 10.0.0.9`."""
