"""What a served engine told its clients, read from the system calls that sent it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from serialization.api.etcd import rpc_pb2 as rpc
from storage.http2 import frames
from tests.storage.durability.strace import Call

SENDS: Final = frozenset({"write", "writev", "sendto", "sendmsg"})
INDEX: Final = re.compile(rb"\r\nX-Etcd-Index: (\d+)\r\n", re.IGNORECASE)
EVENT: Final = re.compile(rb'"modifiedIndex":(\d+)')
STANDARD: Final = 2
"""Descriptors up to this are no sockets."""


class Sockets:
    """Takes all calls in their order; says when a revision was told by one."""

    def __init__(self, api: int) -> None:
        self._api = api
        self._streams: dict[int, Frames] = {}

    def take(self, call: Call) -> Iterator[tuple[int, int]]:
        """Yield (place, revision) of each message that was sent whole with this call."""
        head = call.arguments.partition(",")[0]
        number = int(head) if head.isdigit() else -1
        if call.name == "close":
            self._streams.pop(number, None)
        if call.name not in SENDS or number <= STANDARD or not call.result or call.result < 0:
            return
        sent = b"".join(call.strings)[: call.result]
        if self._api == 2:
            for pattern in (INDEX, EVENT):
                yield from ((call.enter, int(found)) for found in pattern.findall(sent))
            return
        if number not in self._streams:
            if sent[3:4] != bytes((frames.SETTINGS,)):
                return  # no server of HTTP/2 begins so
            self._streams[number] = Frames()
        for body in self._streams[number].take(sent):
            # Every answer of etcd begins with the same header.
            yield call.enter, rpc.CompactionResponse.FromString(body).header.revision


class Frames:
    """One connection's bytes; returns the messages in them."""

    def __init__(self) -> None:
        self._rest = b""
        self._bodies: dict[int, bytes] = {}

    def take(self, sent: bytes) -> Iterator[bytes]:
        """Yield the messages that are whole by now."""
        text, at = self._rest + sent, 0
        while len(text) - at >= frames.HEAD_BYTES:
            word, _, stream = frames.HEAD.unpack_from(text, at)
            end = at + frames.HEAD_BYTES + (word >> 8)
            if end > len(text):
                break
            if word & 0xFF == frames.DATA:
                yield from self._message(stream, text[at + frames.HEAD_BYTES : end])
            at = end
        self._rest = text[at:]

    def _message(self, stream: int, piece: bytes) -> Iterator[bytes]:
        body = self._bodies.get(stream, b"") + piece
        while len(body) >= 5 and len(body) >= (size := 5 + int.from_bytes(body[1:5], "big")):
            yield body[5:size]
            body = body[size:]
        self._bodies[stream] = body
