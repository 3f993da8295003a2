"""How far a store says that it has been told: by events alone, whatever its etcd volunteers.

Before 3.4.31 and 3.5.13 etcd's progress notices could run ahead of events. The one watch over all
keys is told every revision as an event, so there is nothing to ask for, and nothing to believe.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import grpc
import pytest
from google.protobuf.message import Message
from grpc import aio

from serialization.api.etcd import kv_pb2
from serialization.api.etcd import rpc_pb2 as rpc
from storage.clock import SystemClock
from storage.records import Batch
from storage.remote.etcd3.store import RemoteStore
from storage.remote.url import parse_url
from tests.etcd_members import EtcdCluster
from tests.real_etcd import shared_etcd  # noqa: F401  # a fixture
from tests.storage.recorder import Recorder
from tests.storage.serve.served import served

NOW = 5
"""The revision of the fake when a store opens."""
AHEAD = 100
VERSIONS = ("3.4.23", "3.4.30", "3.4.31", "3.5.12", "3.5.13", "3.6.0")

Watching = aio.ServicerContext[rpc.WatchRequest, rpc.WatchResponse]


class HastyEtcd:
    """As much of an etcd as a store needs; its watches claim progress before they tell events."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.asked: list[str] = []
        """What was asked of watches, by the field of the request."""

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        """Return what a server is to answer with."""
        ranges = grpc.unary_unary_rpc_method_handler(
            self.range, rpc.RangeRequest.FromString, _serialized
        )
        status = grpc.unary_unary_rpc_method_handler(
            self.status, rpc.StatusRequest.FromString, _serialized
        )
        watch = grpc.stream_stream_rpc_method_handler(
            self.watch, rpc.WatchRequest.FromString, _serialized
        )
        named = grpc.method_handlers_generic_handler
        return [
            named("etcdserverpb.KV", {"Range": ranges}),
            named("etcdserverpb.Maintenance", {"Status": status}),
            named("etcdserverpb.Watch", {"Watch": watch}),
        ]

    async def range(self, _request: rpc.RangeRequest, _context: object) -> rpc.RangeResponse:
        return rpc.RangeResponse(header=_header(NOW))

    async def status(self, _request: rpc.StatusRequest, _context: object) -> rpc.StatusResponse:
        return rpc.StatusResponse(header=_header(NOW), version=self.version)

    async def watch(
        self, requests: AsyncIterator[rpc.WatchRequest], _context: object
    ) -> AsyncIterator[rpc.WatchResponse]:
        async for request in requests:
            self.asked.append(request.WhichOneof("request_union") or "")
            yield rpc.WatchResponse(header=_header(NOW), created=True)
            yield rpc.WatchResponse(header=_header(AHEAD))
            yield rpc.WatchResponse(header=_header(AHEAD), watch_id=-1)
            yield rpc.WatchResponse(header=_header(AHEAD), events=[_put(NOW + 1)])
            yield rpc.WatchResponse(header=_header(AHEAD))
            yield rpc.WatchResponse(header=_header(AHEAD), events=[_put(NOW + 2)])


def _serialized(message: Message) -> bytes:
    return message.SerializeToString()


def _header(revision: int) -> rpc.ResponseHeader:
    return rpc.ResponseHeader(revision=revision)


def _put(revision: int) -> kv_pb2.Event:
    key = b"/a/%d" % revision
    kv = kv_pb2.KeyValue(key=key, mod_revision=revision, create_revision=revision, version=1)
    return kv_pb2.Event(kv=kv)


@asynccontextmanager
async def serving(etcd: HastyEtcd) -> AsyncIterator[str]:
    server = aio.server()
    server.add_generic_rpc_handlers(etcd.handlers())
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"etcd3://127.0.0.1:{port}"
    finally:
        await server.stop(None)


@pytest.mark.parametrize("version", VERSIONS)
def test_no_mark_runs_ahead_of_events(version: str) -> None:
    async def story() -> None:
        etcd = HastyEtcd(version)
        async with serving(etcd) as url, RemoteStore(parse_url(url), SystemClock()) as store:
            all_keys, others = Recorder(NOW), Recorder(NOW)
            store.watch(b"/a/", all_keys, after=NOW)
            store.watch(b"/b/", others, after=NOW)
            await all_keys.reach(NOW + 2)

            assert [batch.revision for batch in all_keys.batches] == [NOW + 1, NOW + 2]
            assert others.batches == [Batch(NOW + 1, ()), Batch(NOW + 2, ())]
            assert store.current_revision() == NOW + 2
            assert etcd.asked == ["create_request"]

    asyncio.run(story())


async def marks_come(target: str) -> None:
    """What others write under other keys moves a quiet watch's mark."""
    url = parse_url(f"etcd3://{target}")
    quiet = b"/quiet/%s/" % uuid4().hex.encode()
    async with RemoteStore(url, SystemClock()) as store, RemoteStore(url, SystemClock()) as other:
        recorder = Recorder(store.current_revision())
        store.watch(quiet, recorder, after=recorder.revision)
        for _ in range(3):
            await recorder.reach(await other.create(b"/busy/%s" % uuid4().hex.encode(), b"v"))

        assert recorder.changes == []
        assert recorder.error is None
        told = await store.create(quiet + b"a", b"v")
        assert recorder.revisions == [told]


@pytest.mark.slow
def test_marks_come_over_our_served_engine() -> None:
    async def story() -> None:
        async with served() as engine:
            await marks_come(engine.target)

    asyncio.run(story())


@pytest.mark.slow
def test_marks_come_over_a_real_etcd(shared_etcd: EtcdCluster) -> None:  # noqa: F811
    asyncio.run(marks_come(shared_etcd.endpoints[0]))
