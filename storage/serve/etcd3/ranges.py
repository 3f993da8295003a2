"""Ranges as their answers: found and read as of one revision, long ones in turns with all others.

What is short is answered in the step that asks for it. What is long is a matter of turns: finding
the keys (which the engine does), and putting their states into the answer; sending it is as well
(``http2.unsent``). None of them keeps others waiting for more than a slice.
"""

from __future__ import annotations

from typing import Final

from serialization.api.etcd.rpc_pb2 import ResponseHeader
from storage.mvcc import RangeOp, Reading
from storage.serve.etcd3.range_encoding import RangeEncoding
from storage.serve.etcd3.serving import Serving

SLICE_COST: Final = 6 << 20
"""Of what is put into an answer in one turn of the loop (see ``RangeEncoding``): two milliseconds
or so, 900 keys of 1 KB."""
SLICE_NS: Final = 3_000_000
"""It ends a slice where reading is slow, from a disk, say."""


class Ranges:
    """Those of one served engine."""

    def __init__(self, serving: Serving) -> None:
        self._store = serving.store
        self._turn = serving.turns.mine
        self._stamp_ns = serving.clock.stamp_ns

    async def find(self, op: RangeOp) -> Reading:
        """As ``Mvcc.reading``."""
        return await self._store.reading(op, self._turn)

    async def answer(self, reading: Reading, header: ResponseHeader) -> bytes | list[bytes]:
        """Return what has been found as an answer, encoded. Raises StoreError."""
        answer = RangeEncoding(header)
        reading.take(answer.take)
        if reading.left:
            await self._take_in_turns(reading, answer)
        return answer.end(more=reading.more, total=reading.total)

    async def _take_in_turns(self, reading: Reading, answer: RangeEncoding) -> None:
        turn, stamp_ns = self._turn, self._stamp_ns
        until_ns = stamp_ns() + SLICE_NS
        while reading.left:
            if answer.spent(SLICE_COST) or stamp_ns() >= until_ns:
                await turn()
                until_ns = stamp_ns() + SLICE_NS
            reading.take(answer.take)
