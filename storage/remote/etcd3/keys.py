"""Keys and records between the store contract and etcd's messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from serialization.api.etcd import kv_pb2
from serialization.api.etcd import rpc_pb2 as rpc
from storage.records import Change, KeyValue

ALL: Final = b"\0"
"""As a range end: no end. As a key: the least one that there can be."""

DELETE: Final = kv_pb2.Event.DELETE
CREATE: Final = rpc.Compare.CREATE
MOD: Final = rpc.Compare.MOD
VALUE: Final = rpc.Compare.VALUE
VERSION: Final = rpc.Compare.VERSION
GREATER: Final = rpc.Compare.GREATER
NOT_EQUAL: Final = rpc.Compare.NOT_EQUAL


def end_of(prefix: bytes) -> bytes:
    """Return the range end of all keys that begin with ``prefix``."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes((stem[-1] + 1,)) if stem else ALL


class KeySpace:
    """Where in etcd a store's keys stand: under ``root`` (empty: they are etcd's own)."""

    def __init__(self, root: bytes) -> None:
        self.root = root
        self._cut = len(root)

    def span(self, prefix: bytes, after: bytes = b"") -> tuple[bytes, bytes]:
        """Return key and range end of what stands under ``prefix`` behind ``after``."""
        whole = self.root + prefix
        first = whole
        if after:
            first = max(whole, self.root + after + b"\0")
        return first or ALL, end_of(whole)

    def state(self, kv: kv_pb2.KeyValue) -> KeyValue:
        """Return a key's state as the contract knows it."""
        return KeyValue(
            kv.key[self._cut :] if self._cut else kv.key,
            kv.value,
            kv.mod_revision,
            kv.create_revision,
            kv.version,
            kv.lease,
        )

    def changes(self, events: Iterable[kv_pb2.Event]) -> Iterator[Change]:
        """Yield the changes of watch events, without those that are not under the root."""
        root, cut = self.root, self._cut
        for event in events:
            kv = event.kv
            key = kv.key
            if cut:
                if not key.startswith(root):
                    continue
                key = key[cut:]
            previous = self.state(event.prev_kv) if event.HasField("prev_kv") else None
            if event.type == DELETE:
                created = previous.create_revision if previous is not None else 0
                yield Change(key, None, kv.mod_revision, created, previous, 0)
            else:
                yield Change(
                    key,
                    kv.value,
                    kv.mod_revision,
                    kv.create_revision,
                    previous,
                    kv.version,
                    kv.lease,
                )


def put_op(key: bytes, value: bytes, lease: int) -> rpc.RequestOp:
    """Write a key."""
    return rpc.RequestOp(request_put=rpc.PutRequest(key=key, value=value, lease=lease))


def range_op(key: bytes) -> rpc.RequestOp:
    """Read a key."""
    return rpc.RequestOp(request_range=rpc.RangeRequest(key=key))
