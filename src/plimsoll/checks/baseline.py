"""What one run of the checklist found, in numbers, kept in a file for a later run to be compared with."""

import json
import math
import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from plimsoll.errors import CommandError

KIND = "plimsoll-baseline"
FORMAT = 1
"""Raised when a file of before cannot be understood any more."""

MOST_BYTES = 4 << 20
MOST_NUMBERS = 20_000
LONGEST_TEXT = 500
AGAIN = "Save one with --baseline FILE."


@dataclass(frozen=True, slots=True)
class Baseline:
    """One run: when (Unix time, seconds), of which stage and service. `numbers` by dotted names, their units in the
    names; `server` are counters of the database's server in its own words for them; `findings` are titles by id."""

    at_s: float
    stage: str
    url: str
    release: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    server: Mapping[str, float] = field(default_factory=dict)
    findings: Mapping[str, str] = field(default_factory=dict)

    @property
    def when(self) -> str:
        """For people, UTC."""
        return datetime.fromtimestamp(self.at_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def see_writable(path: Path) -> None:
    """See that a file can be made there, before a run whose numbers would be lost otherwise.

    Raises:
        CommandError: it cannot.
    """
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise CommandError(f"The baseline cannot be written to {path}: its directory is not there, or not writable.")
    if path.exists() and not path.is_file():
        raise CommandError(f"The baseline cannot be written to {path}: it is no file.")


def save(path: Path, baseline: Baseline) -> None:
    """Write it to a file that only its owner can read, whole or not at all.

    Raises:
        CommandError: it cannot be written.
    """
    text = json.dumps({"kind": KIND, "format": FORMAT, **asdict(baseline)}, indent=1, allow_nan=False)
    temporary = None
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{text}\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise CommandError(f"The baseline cannot be written to {path}: {error.strerror or error}.") from error


def load(path: Path) -> Baseline:
    """Read one.

    Raises:
        CommandError: it is not there, or is no baseline that this version understands; it says which.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise CommandError(f"The baseline {path} is no file. {AGAIN}")
        if status.st_size > MOST_BYTES:
            raise CommandError(f"{path} is no baseline: it has more than {MOST_BYTES >> 20} MiB. {AGAIN}")
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"The baseline {path} cannot be read: {error.strerror or error}. {AGAIN}") from error
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{path} is no baseline: it is not JSON. {AGAIN}") from error
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise CommandError(f"{path} is JSON and no baseline of 'plimsoll check'. {AGAIN}")
    if document.get("format") != FORMAT:
        raise CommandError(
            f"{path} is a baseline of format {str(document.get('format'))[:20]!r}, and this version of Plimsoll reads "
            f"format {FORMAT}. Save a new one with this version, or compare with the version that made it."
        )
    try:
        return _baseline(document)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, OSError) as error:
        raise CommandError(f"{path} is a damaged baseline: {_damage(error)}. {AGAIN}") from error


def _damage(error: Exception) -> str:
    return f"it has no {error}" if isinstance(error, KeyError) else "a value is not what it should be"


def _baseline(document: Mapping[str, Any]) -> Baseline:
    found = Baseline(
        at_s=_number(document["at_s"]),
        stage=_text(document["stage"]),
        url=_text(document["url"]),
        release=_text(document["release"]),
        numbers=_numbers(document["numbers"]),
        server=_numbers(document["server"]),
        findings={_text(id_): _text(title) for id_, title in list(document["findings"].items())[:MOST_NUMBERS]},
    )
    _ = found.when  # a time that no calendar has is damage too
    return found


def _numbers(table: Mapping[str, Any]) -> dict[str, float]:
    return {_text(name): _number(value) for name, value in list(table.items())[:MOST_NUMBERS]}


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError("no number")
    return float(value)


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise ValueError("no text")
    return value if value.isprintable() else repr(value)
