"""Black-box records: what a worker knew when something went wrong, in a file, and that file as a page."""

from plimsoll.reports.box import BlackBox
from plimsoll.reports.page import page
from plimsoll.reports.record import Record

__all__ = ["BlackBox", "Record", "page"]
