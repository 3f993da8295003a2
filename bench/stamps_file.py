"""The ``--stamps`` file of the nodes process: when each pod was reported running."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

from bench.results import UnreadableResultsError

UID: Final = "uid"
STAMP: Final = "stamp_ns"


def read_stamps(path: Path) -> dict[str, int]:
    """Return the stamps (``Clock.stamp_ns``) by uid; none where the process wrote no file.

    Raises UnreadableResultsError for a file that is there and says something else.
    """
    try:
        with path.open(encoding="ascii", newline="") as file:
            return {row[UID]: int(row[STAMP]) for row in csv.DictReader(file)}
    except FileNotFoundError:
        return {}
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise UnreadableResultsError(f"{path}: {error!r}") from error
