"""Reads a directory of histories: records as numpy arrays, names in one numbering for all.

``read_history(results / "history")`` gives a ``History``; each of its ``processes`` has
``records``, a structured array with the fields of ``cluster.client.history_format``, in the order
in which they were written. ``key``, ``node`` and ``source`` are numbers in ``History.names``, the
same in all processes; 0 is none. The file of a process that was killed ends anywhere: whole records
are read, and ``torn_bytes`` and ``closed`` say so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cluster.client.history_format import (
    FIELDS,
    HEADER,
    HEADER_BYTES,
    MAGIC,
    RECORD,
    RECORDS_SUFFIX,
    Kind,
    names_path,
)

SERVER: Final = "apiserver"
"""The process, or how its name begins where there are several: ``apiserver-1`` and so on."""
TYPES: Final = {"B": "u1", "H": "<u2", "I": "<u4", "Q": "<u8"}
DTYPE: Final = np.dtype(
    [(field, TYPES[code]) for field, code in zip(FIELDS, RECORD.format[1:], strict=True)]
)
assert DTYPE.itemsize == RECORD.size

Records = NDArray[np.void]
"""A structured array of ``DTYPE``."""


class UnreadableHistoryError(Exception):
    """A file that is no history, or whose records mention names that are not there."""


@dataclass(frozen=True, slots=True)
class ProcessHistory:
    """What one process wrote."""

    process: str
    records: Records
    pid: int
    torn_bytes: int
    """Of a last record that is not whole."""
    closed: bool
    """It ended in order, and every record that it wrote is here."""

    def of(self, kind: Kind) -> Records:
        """Return the records of one kind, in order."""
        found: Records = self.records[self.records["kind"] == kind]
        return found


def is_truth(process: str) -> bool:
    """Say whether a process is an API server, whose history is of its store."""
    return process == SERVER or process.startswith(f"{SERVER}-")


class Source(NamedTuple):
    """Who speaks: what a process said of one of its clients or followers."""

    process: str
    facts: dict[str, str]


@dataclass(frozen=True, slots=True)
class History:
    """What all processes wrote."""

    processes: dict[str, ProcessHistory]
    """By name: ``apiserver``, ``control``, ``nodes``, ``measuring``."""
    names: list[bytes]
    """By number; the first is the empty one of number 0."""
    numbers: dict[bytes, int]
    """By name."""

    def name(self, number: int) -> str:
        """Return a name, for people."""
        return self.names[number].decode(errors="replace")

    def source(self, number: int) -> Source:
        """Return what a source says of itself."""
        process, _, facts = self.names[number].partition(b" ")
        return Source(process.partition(b"#")[0].decode(), json.loads(facts))

    def number(self, name: str) -> int:
        """Return the number of a name, 0 where it is not there."""
        return self.numbers.get(name.encode(), 0)


def read_history(directory: Path) -> History:
    """Read all histories below a directory. Raises UnreadableHistoryError."""
    numbers: dict[bytes, int] = {b"": 0}
    processes = {}
    for path in sorted(directory.glob(f"*{RECORDS_SUFFIX}")):
        process = path.name.removesuffix(RECORDS_SUFFIX)
        processes[process] = _read(path, process, numbers)
    if not processes:
        raise UnreadableHistoryError(f"{directory}: no history")
    return History(processes, list(numbers), numbers)


def _read(path: Path, process: str, numbers: dict[bytes, int]) -> ProcessHistory:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEADER_BYTES)
        if len(head) < HEADER_BYTES:
            raise UnreadableHistoryError(f"{path}: {len(head)} bytes are no history")
        magic, record_size, pid, _opened_ns = HEADER.unpack(head)
        if magic != MAGIC or record_size != RECORD.size:
            raise UnreadableHistoryError(f"{path}: not a history of this version")
        records = np.fromfile(file, DTYPE, (size - HEADER_BYTES) // RECORD.size)
    _renumber(path, records, _read_names(path.parent, process, numbers))
    return ProcessHistory(
        process,
        records,
        pid,
        torn_bytes=(size - HEADER_BYTES) % RECORD.size,
        closed=_is_closed(records),
    )


def _read_names(directory: Path, process: str, numbers: dict[bytes, int]) -> NDArray[np.uint32]:
    """Return the common number of each line; sources stay apart, whatever they say."""
    path = names_path(directory, process)
    lines = path.read_bytes().split(b"\n") if path.exists() else [b""]
    del lines[-1]  # empty, or torn: no record mentions a line before it is whole
    common = np.zeros(len(lines) + 1, np.uint32)
    for place, line in enumerate(lines, 1):
        name = b"%b#%d %b" % (process.encode(), place, line) if line.startswith(b"{") else line
        common[place] = numbers.setdefault(name, len(numbers))
    return common


def _renumber(path: Path, records: Records, common: NDArray[np.uint32]) -> None:
    for field in ("source", "key", "node"):
        column = records[field]
        if len(column) and int(column.max()) >= len(common):
            raise UnreadableHistoryError(f"{path}: a record mentions a name that is not there")
        records[field] = common[column]


def _is_closed(records: Records) -> bool:
    if not len(records) or records["kind"][-1] != Kind.END:
        return False
    return int(records["extra"][-1]) == (len(records) - 1) & 0xFFFFFFFF
