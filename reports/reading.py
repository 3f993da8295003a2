"""Reading the files of a results directory: strictly typed, with errors that name file and key."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from reports.errors import ReportError

SCHEMA_VERSION: Final = 1
"""The newest schema of results.json, matrix.json and codecs.json that is understood."""

T = TypeVar("T")


class _Versioned(msgspec.Struct):
    schema_version: int


def read_versioned(path: Path, kind: type[T]) -> T:
    """Read a JSON file whose ``schema_version`` is ours; keys that are not known are skipped.

    Raises ReportError naming the file, and the key where one is to blame.
    """
    found = read_json(path, _Versioned).schema_version
    if found != SCHEMA_VERSION:
        raise ReportError(
            f"{path}: schema_version is {found}, this version of kubedyno reads {SCHEMA_VERSION}"
        )
    return read_json(path, kind)


def read_json(path: Path, kind: type[T]) -> T:
    """Read a JSON file as ``kind``. Raises ReportError naming the file, and the key to blame."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise ReportError(f"{path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReportError(f"{path}: {error}".replace("\n", " ")) from error


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows of a CSV file with a heading, with their line numbers; none without a file.

    A value that a row lacks is empty. Raises ReportError for a file that is not text.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, restval="")
            for row in reader:
                yield reader.line_num, row
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReportError(f"{path}: {error}") from error


def number(path: Path, line: int, row: dict[str, str], column: str) -> float | None:
    """Return a cell of a CSV file as a number, None where it is empty or has no such column.

    Raises ReportError naming file, line and column.
    """
    text = row.get(column, "")
    if not text:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise ReportError(f"{path}:{line}: {column} is {text!r}, not a number") from error
