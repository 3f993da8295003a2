"""What a disk may hold after a loss of power.

The model. A sync that returned makes durable every write to its file that returned before the sync
began; a write through O_DSYNC is durable when it returns, and covers no other. Every other write
may be there whole, in part (each sector of 512 bytes by itself: a sector is never torn) or not at
all, whatever the order. A directory's entries are durable once it was synced after they were made;
of those that were not, some first few are there, as file systems keep the order of their metadata.
The content of LMDB's lock file is written through memory: anything may stand in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.storage.durability.recording import Op

SECTOR_BYTES = 512
LOOSE = ("kept", "dropped", "some", "torn")
"""What becomes of the writes that no sync covers."""


class Image(NamedTuple):
    """A directory tree: contents by path."""

    files: dict[str, bytes]
    directories: list[str]


@dataclass
class _File:
    """A file's durable content, and what was written since, in order."""

    durable: bytearray = field(default_factory=bytearray)
    loose: list[Op] = field(default_factory=list)

    def settle(self, before: int) -> None:
        """A sync that began at ``before`` has returned."""
        rest: list[Op] = []
        for op in self.loose:
            if op.leave < before and not rest:
                _apply(self.durable, op)
            else:
                rest.append(op)
        self.loose = rest


class Disk:
    """Takes operations in order; at any place, says what may be left."""

    def __init__(self) -> None:
        self._files: dict[int, _File] = {}
        self._entries: dict[str, int] = {}
        self._directories: dict[str, None] = {}
        self._loose_entries: list[Op] = []
        self._syncs: list[Op] = []

    def take(self, op: Op) -> None:
        """Take the next operation, by the place at which it began."""
        if op.kind in ("create", "rename", "unlink", "mkdir"):
            self._loose_entries.append(op)
            if op.kind == "create":
                self._files[op.file] = _File()
        elif op.kind in ("sync", "syncdir"):
            self._syncs.append(op)
        else:
            self._files[op.file].loose.append(op)

    def pass_to(self, place: int) -> None:
        """Let the syncs that have returned by ``place`` take effect."""
        waiting: list[Op] = []
        for sync in self._syncs:
            if sync.leave >= place:
                waiting.append(sync)
            elif sync.kind == "sync":
                self._files[sync.file].settle(sync.enter)
            else:
                self._settle_entries(sync)
        self._syncs = waiting

    def image(self, place: int, loose: str, random: Random) -> Image:
        """Return what may be left when the power goes at ``place``; ``loose`` is one of LOOSE."""
        entries, directories = dict(self._entries), dict(self._directories)
        first = len(self._loose_entries)
        if loose != "kept":
            first = 0 if loose == "dropped" else random.randint(0, first)
        for op in self._loose_entries[:first]:
            _enter(op, entries, directories)
        files: dict[str, bytes] = {}
        for path, number in entries.items():
            file = self._files[number]
            content = bytearray(file.durable)
            for op in file.loose:
                _apply_loosely(
                    content, op, "kept" if op.through and op.leave < place else loose, random
                )
            files[path] = (
                random.randbytes(len(content)) if path.endswith("-lock") else bytes(content)
            )
        return Image(files, list(directories))

    def _settle_entries(self, sync: Op) -> None:
        rest: list[Op] = []
        for op in self._loose_entries:
            if op.leave < sync.enter and str(Path(op.path).parent) == sync.path:
                _enter(op, self._entries, self._directories)
            else:
                rest.append(op)
        self._loose_entries = rest


def _enter(op: Op, entries: dict[str, int], directories: dict[str, None]) -> None:
    if op.kind == "mkdir":
        directories[op.path] = None
    elif op.kind == "create":
        entries[op.path] = op.file
    elif op.kind == "unlink":
        entries.pop(op.path, None)
    elif op.path in entries:
        entries[op.target] = entries.pop(op.path)


def _apply(content: bytearray, op: Op) -> None:
    if op.kind in ("truncate", "extend"):
        if op.kind == "truncate":
            del content[op.offset :]
        _extend(content, op.offset)
        return
    _extend(content, op.offset)
    content[op.offset : op.offset + len(op.payload)] = op.payload


def _extend(content: bytearray, size: int) -> None:
    """Fill up with zeros; what is longer stays as it is, as posix_fallocate leaves it."""
    content.extend(bytes(max(0, size - len(content))))


def _apply_loosely(content: bytearray, op: Op, loose: str, random: Random) -> None:
    if loose == "dropped" or (loose == "some" and random.random() < 0.5):
        return
    if loose != "torn" or op.kind in ("truncate", "extend"):
        _apply(content, op)
        return
    start, end = op.offset, op.offset + len(op.payload)
    while start < end:
        stop = min(end, (start // SECTOR_BYTES + 1) * SECTOR_BYTES)
        if random.random() < 0.5:
            piece = op.payload[start - op.offset : stop - op.offset]
            _apply(content, op._replace(offset=start, payload=piece))
        start = stop
