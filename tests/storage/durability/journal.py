"""What a writer says on its pipe, and the history that follows from it.

The lines, one system call each::

    ? 3 17 update /shared/4      writer 3 begins its write 17; the value says so, too
    ! 3 17 912                   it was acknowledged at revision 912
    ? 3 18 txn /own/3/0 -/own/3/1    its write 18 puts one key and deletes another, at one revision
    x 3 17                       it was refused (conflict, not found): it never happens
    c 900                        a compaction at 900 begins
    C 900                        it was acknowledged
    o 1203 870                   the store is open, at revision 1203, 870 is the oldest kept
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Write(NamedTuple):
    """One write that was begun."""

    writer: int
    step: int
    key: bytes
    value: bytes | None
    """None: a delete."""
    more: tuple[tuple[bytes, bytes | None], ...] = ()
    """What a transaction writes beyond its first key."""

    @property
    def writes(self) -> tuple[tuple[bytes, bytes | None], ...]:
        """What it writes, in order."""
        return (self.key, self.value), *self.more


class ImpossibleError(AssertionError):
    """The store shows something that no loss can explain."""


def value_of(writer: int, step: int, place: int = 0) -> bytes:
    """Return the value of a write: who wrote it, padded to a length that varies.

    Most fit into a page; one in eleven takes overflow pages of its own. ``place`` is that of the
    key among those of a transaction.
    """
    stem = b"%d.%d.%d " % (writer, step, place)
    mixed = (writer * 7919 + step * 104_729) % 1009
    length = 3000 + 5 * mixed if mixed % 11 == 0 else 40 + mixed
    return stem + b"." * (length - len(stem))


class Journal:
    """The true history, as far as the writers' lines and earlier openings tell."""

    def __init__(self) -> None:
        self.history: dict[int, Write] = {}
        """What each revision wrote: acknowledged, or found by an earlier opening."""
        self.acknowledged = 1
        """The highest revision that a writer was told."""
        self.writes = 0
        """Acknowledged writes."""
        self.compacted = 1
        """The highest compaction that was acknowledged."""
        self.compacting = 1
        """The highest that was begun."""
        self.opened = 0
        self.pending: dict[int, Write] = {}
        """The writes in flight, by writer: each waits for its answer before the next."""

    def feed(self, lines: Iterable[bytes]) -> None:
        """Take whole lines, in their order."""
        for line in lines:
            kind, *words = line.split()
            if kind == b"?":
                self._begin(int(words[0]), int(words[1]), words[2], words[3:])
            elif kind == b"!":
                self._acknowledge(int(words[0]), int(words[1]), int(words[2]))
            elif kind == b"x":
                self._take(int(words[0]), int(words[1]))
            elif kind == b"c":
                self.compacting = max(self.compacting, int(words[0]))
            elif kind == b"C":
                self.compacted = max(self.compacted, int(words[0]))
            elif kind == b"o":
                self.opened += 1
            else:
                raise ValueError(f"no line of a writer: {line!r}")

    def end_of_process(self) -> list[Write]:
        """Forget the writes in flight, and return them: they happened, or never will."""
        pending = list(self.pending.values())
        self.pending = {}
        return pending

    def _begin(self, writer: int, step: int, operation: bytes, keys: list[bytes]) -> None:
        if operation == b"delete":
            keys = [b"-" + key for key in keys]
        (key, value), *more = (
            (key[1:], None) if key[:1] == b"-" else (key, value_of(writer, step, place))
            for place, key in enumerate(keys)
        )
        self.pending[writer] = Write(writer, step, key, value, tuple(more))

    def _acknowledge(self, writer: int, step: int, revision: int) -> None:
        write = self._take(writer, step)
        if self.history.setdefault(revision, write) != write:
            raise ImpossibleError(f"revision {revision} was acknowledged to two writes")
        self.acknowledged = max(self.acknowledged, revision)
        self.writes += 1

    def _take(self, writer: int, step: int) -> Write:
        write = self.pending.pop(writer)
        if write.step != step:
            raise ImpossibleError(f"writer {writer} was answered out of turn")
        return write
