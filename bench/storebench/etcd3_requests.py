"""The requests of etcd's v3 protocol that load it, and what is read of their answers."""

from __future__ import annotations

from typing import Final

from serialization.api.etcd.rpc_pb2 import (
    Compare,
    DeleteRangeRequest,
    PutRequest,
    PutResponse,
    RangeRequest,
    RangeResponse,
    RequestOp,
    TxnRequest,
    TxnResponse,
    WatchCreateRequest,
    WatchRequest,
)

PUT: Final = "/etcdserverpb.KV/Put"
TXN: Final = "/etcdserverpb.KV/Txn"
RANGE: Final = "/etcdserverpb.KV/Range"
DELETE: Final = "/etcdserverpb.KV/DeleteRange"
WATCH: Final = "/etcdserverpb.Watch/Watch"


def span_end(prefix: bytes) -> bytes:
    """Return the end of the range that holds every key under a prefix without a trailing 0xff."""
    return prefix[:-1] + bytes((prefix[-1] + 1,))


def put_of(key: bytes, value: bytes) -> bytes:
    """Return a put."""
    return PutRequest(key=key, value=value).SerializeToString()


def swap_of(key: bytes, value: bytes, expected: int) -> bytes:
    """Return a write as Kubernetes does it: one compare, one put, and a range where it fails."""
    return TxnRequest(
        compare=[Compare(target=Compare.CompareTarget.MOD, key=key, mod_revision=expected)],
        success=[RequestOp(request_put=PutRequest(key=key, value=value))],
        failure=[RequestOp(request_range=RangeRequest(key=key))],
    ).SerializeToString()


def get_of(key: bytes) -> bytes:
    """Return a linearizable range of one key."""
    return RangeRequest(key=key, limit=1).SerializeToString()


def delete_of(prefix: bytes) -> bytes:
    """Return a delete of everything under a prefix."""
    return DeleteRangeRequest(key=prefix, range_end=span_end(prefix)).SerializeToString()


def watch_of(prefix: bytes) -> WatchRequest:
    """Return a watch over everything under a prefix, from now on."""
    create = WatchCreateRequest(key=prefix, range_end=span_end(prefix))
    return WatchRequest(create_request=create)


def put_revision(answer: bytes) -> int:
    """Return the revision of a put."""
    return PutResponse.FromString(answer).header.revision


def swap_revision(answer: bytes) -> int:
    """Return the revision of a write, 0 where the compare failed."""
    done = TxnResponse.FromString(answer)
    return done.header.revision if done.succeeded else 0


def get_revision(answer: bytes) -> int:
    """Return the revision of the key's last write, 0 where there is none."""
    found = RangeResponse.FromString(answer).kvs
    return found[0].mod_revision if found else 0


def any_revision(answer: bytes) -> int:
    """Return the store's revision, as the header of a range tells it."""
    return RangeResponse.FromString(answer).header.revision
