"""What an error of the database means for the caller, whichever server and driver raised it."""

from enum import Enum


class Fault(Enum):
    """The kinds that callers treat differently."""

    UNAVAILABLE = "the database cannot be reached, or the connection to it was lost"
    REFUSED = "the database will not let this account in"
    BUSY = "another transaction is in the way, or a limit of the server was reached: a retry may succeed"
    CONFLICT = "a constraint was violated"
    NO_TABLE = "a table is missing"
    OTHER = "an error of the statement or of the program"
