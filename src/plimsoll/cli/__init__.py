"""The command `plimsoll`: parses, calls, prints, and says with its exit status how it went.

0: fine. 1: what was asked failed, or a check found something. 2: it could not be done at all."""

from plimsoll.cli.main import main

__all__ = ["main"]
