"""Watchers that count every event, and time each, at a fraction of a microsecond an event.

An event is told by the mark that its write left (``marks``): searched in the bytes, not decoded.
Watchers of one selection must all see the same marks in the same order, so the first to see one
notes it, and the others compare 34 bytes. Marks of equal pods stand equally far apart: the next is
looked for there first. Whatever such a jump could pass over would be missing in the end, so an
error can only make a row invalid, never valid. One watcher of all, the witness, reads its stream
with the codec's own frame reader, too.
"""

from __future__ import annotations

import asyncio
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, cast

from bench.apibench.answers import AnswerFaultError, AnswerReader
from bench.apibench.marks import BODY_BYTES, MARK_BYTES, PREFIX, STAMP_DIGITS, read_mark
from serialization.codecs.interface import Codec, FrameReader
from serialization.errors import DecodeError
from storage.clock import Clock

PREFIX_BYTES: Final = len(PREFIX)
MODIFIED: Final = "MODIFIED"


class Selection:
    """What some watchers watch: the marks that they have seen, in order, and when each was sent."""

    def __init__(self) -> None:
        self.order: list[bytes] = []
        self.stamps: list[int] = []


class Deliveries:
    """What all watchers of a process count together."""

    def __init__(self, clock: Clock) -> None:
        self.stamp = clock.stamp_ns
        self.latencies = array("q")
        """Nanoseconds from the sending of a write to the receipt of its event, by receipt."""
        self.batches: list[tuple[int, int]] = []
        """When something was received, and how many latencies there were then."""
        self.received_bytes = 0
        self.faults: Counter[str] = Counter()

    def between(self, begin_ns: int, end_ns: int) -> array[int]:
        """Return the latencies of what was received between two moments."""
        first = next((i for i, (at, _) in enumerate(self.batches) if at >= begin_ns), None)
        if first is None:
            return array("q")
        low = self.batches[first - 1][1] if first else 0
        high = max((n for at, n in self.batches if at < end_ns), default=low)
        return self.latencies[low : max(high, low)]


class Scanner:
    """Finds the marks in one watcher's stream, which may be cut anywhere."""

    def __init__(self, selection: Selection, deliveries: Deliveries) -> None:
        self.seen = 0
        self.now = 0
        """When the bytes under way were received."""
        self._selection = selection
        self._deliveries = deliveries
        self._tail = b""
        self._stride = 0

    def take(self, piece: bytes) -> None:
        """Take the next bytes of the stream (hot path)."""
        first = 0
        if self._tail:
            seam = self._tail + piece[:MARK_BYTES]
            at = seam.find(PREFIX)
            if 0 <= at < len(self._tail) and len(seam) >= at + MARK_BYTES:
                self._event(seam[at + PREFIX_BYTES : at + MARK_BYTES])
                first = at + MARK_BYTES - len(self._tail)
            elif len(piece) < MARK_BYTES:
                self._tail = seam[-(MARK_BYTES - 1) :]
                return
        last = self._scan(piece, first)
        self._tail = piece[max(last, len(piece) - MARK_BYTES + 1) :]

    def _scan(self, piece: bytes, first: int) -> int:
        """Note every whole mark from ``first`` on; return where the last of them ends."""
        at = piece.find(PREFIX, first)
        stride = self._stride
        while at >= 0:
            body = piece[at + PREFIX_BYTES : at + MARK_BYTES]
            if len(body) < BODY_BYTES:
                break
            self._event(body)
            first = at + MARK_BYTES
            following = at + stride
            if piece[following : following + PREFIX_BYTES] != PREFIX or not stride:
                following = piece.find(PREFIX, first)
                stride = following - at if following >= 0 else stride
            at = following
        self._stride = stride
        return first

    def _event(self, body: bytes) -> None:
        selection, seen = self._selection, self.seen
        if seen == len(selection.order):
            selection.order.append(body)
            selection.stamps.append(int(body[:STAMP_DIGITS]))
        elif selection.order[seen] != body:
            self._deliveries.faults["events that differ from those of other watchers"] += 1
        self._deliveries.latencies.append(self.now - selection.stamps[seen])
        self.seen = seen + 1


class Witness:
    """Reads a stream in full: each MODIFIED event must carry one mark, and be whole."""

    def __init__(self, codec: Codec, deliveries: Deliveries) -> None:
        self.seen = 0
        self._frames: FrameReader = codec.frame_reader()
        self._deliveries = deliveries

    def take(self, piece: bytes) -> None:
        """Take the next bytes of the stream."""
        try:
            frames = self._frames.feed(piece)
        except DecodeError as error:
            self._deliveries.faults[f"no watch stream: {error}"] += 1
            return
        for frame in frames:
            marks = frame.document.count(PREFIX)
            self.seen += marks
            if (
                marks > 1
                or frame.type not in (MODIFIED, "ADDED")
                or marks != (frame.type == MODIFIED)
            ):
                self._deliveries.faults[f"{frame.type} events with {marks} marks"] += 1


class Watcher(asyncio.Protocol):
    """One watch: a connection of its own."""

    def __init__(
        self, request: bytes, selection: Selection, deliveries: Deliveries, witness: Witness | None
    ) -> None:
        self.scanner = Scanner(selection, deliveries)
        self.witness = witness
        self.open = asyncio.Event()
        """Set when the server has answered."""
        self.closing = False
        self._request = request
        self._deliveries = deliveries
        self._reader = AnswerReader(self.scanner.take if witness is None else self._both)
        self._transport: asyncio.Transport | None = None

    def _both(self, piece: bytes) -> None:
        self.scanner.take(piece)
        if self.witness is not None:
            self.witness.take(piece)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast, for uvloop's transports do not inherit from asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        deliveries = self._deliveries
        self.scanner.now = now = deliveries.stamp()
        try:
            ended = self._reader.feed(data)
        except AnswerFaultError as error:
            deliveries.faults[str(error)] += 1
            ended = True
        deliveries.received_bytes += len(data)
        deliveries.batches.append((now, len(deliveries.latencies)))
        if not self.open.is_set() and self._reader.code:
            if self._reader.code != 200:
                deliveries.faults[f"a watch was answered with {self._reader.code}"] += 1
            self.open.set()
        elif ended:
            deliveries.faults["watches that the server ended"] += 1
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closing:
            self._deliveries.faults[f"watches lost: {exc or 'closed by the server'}"] += 1
        self.open.set()

    def close(self) -> None:
        """End the watch."""
        self.closing = True
        if self._transport is not None:
            self._transport.abort()


def check_order(selection: Selection, expected: Mapping[int, int]) -> Iterator[str]:
    """Say what a selection's marks lack of ``expected`` (by pod, how often it was written).

    Each pod's writes must be there once each, in their order.
    """
    seen: Counter[int] = Counter()
    for body in selection.order:
        _, pod, sequence = read_mark(body)
        if sequence <= seen[pod]:
            yield f"doubled or disordered: pod {pod} write {sequence} after {seen[pod]}"
        elif sequence != seen[pod] + 1:
            yield f"missing: pod {pod} writes {seen[pod] + 1} to {sequence - 1}"
        seen[pod] = max(sequence, seen[pod])
    for pod, times in expected.items():
        if seen[pod] < times:
            yield f"missing: pod {pod} writes {seen[pod] + 1} to {times}"
    for pod in seen.keys() - expected.keys():
        yield f"unexpected: pod {pod}"
