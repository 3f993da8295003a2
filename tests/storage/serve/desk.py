"""A served store of many keys whose ranges take many slices, and clients by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, cast

import pytest

from serialization.api.etcd.rpc_pb2 import (
    RangeRequest,
    RangeResponse,
)
from storage.engine import reads
from storage.engine.store import EngineStore
from storage.http2 import frames
from storage.registry import STORES, StoreOptions
from storage.serve.etcd3 import range_encoding, ranges
from storage.serve.etcd3.kv import SERVICE, service
from storage.serve.etcd3.methods import Router
from storage.serve.etcd3.serving import Serving
from storage.serve.http2 import unsent
from storage.serve.http2.messages import PREFIX_BYTES
from storage.serve.http2.methods import Method
from storage.virtual_time import VirtualClock, run_virtual
from tests.storage.serve.http2.client import Client, window

KEYS: Final = 2000
VALUE: Final = bytes(1000)
WHOLE: Final = RangeRequest(key=b"/", range_end=b"0")
ONE: Final = RangeRequest(key=b"/0000")
RANGE: Final = f"/{SERVICE}/Range"
SLICE_COST: Final = 500_000
"""So that there are some thirty slices to make and thirty to send."""
SLICE_BYTES: Final = 1 << 16
GREAT: Final = {frames.INITIAL_WINDOW_SIZE: frames.WINDOW_MAX}


class Methods(dict[str, Method]):
    """Those of the service, found as a server does."""

    def __init__(self, serving: Serving) -> None:
        super().__init__()
        self._router = Router({SERVICE: service(serving)})

    def __missing__(self, path: str) -> Method:
        return self._router.find(path)


class Desk:
    """A served store, and a client by hand that has all the windows there can be."""

    def __init__(self, store: EngineStore) -> None:
        self.store = store
        self.serving = Serving(store, VirtualClock())
        self.client = self.connect()

    def connect(self, settings: dict[int, int] | None = None) -> Client:
        """Return a client of one more connection."""
        client = Client(Methods(self.serving))
        client.host.turns = self.serving.turns
        client.connection.turns = self.serving.turns
        client.greet(GREAT if settings is None else settings)
        client.feed(window(0, frames.WINDOW_MAX - frames.WINDOW_BYTES))
        return client

    @property
    def pinned(self) -> bool:
        """Whether anything is being read that a compaction must leave."""
        return self.store._reader._pins.lowest(-1) >= 0


def within(story: Callable[[Desk], Awaitable[None]]) -> None:
    """Play a story over a store of many keys."""

    async def run() -> None:
        async with cast("EngineStore", STORES["memory"].make(StoreOptions())) as store:
            await asyncio.gather(*[store.create(b"/%04d" % at, VALUE) for at in range(KEYS)])
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(reads, "SCAN_PAGE", 100)
                patch.setattr(ranges, "SLICE_COST", SLICE_COST)
                patch.setattr(range_encoding, "PIECE_BYTES", SLICE_BYTES)
                patch.setattr(unsent, "SLICE_BYTES", SLICE_BYTES)
                desk = Desk(store)
                await story(desk)
                assert not desk.pinned
                desk.client.connection.abort()
                desk.client.connection.connection_lost(None)

    run_virtual(run())


def ask(client: Client, request: RangeRequest = WHOLE) -> int:
    return client.call(RANGE, request.SerializeToString())


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def until(done: Callable[[], bool], *, most: int = 1000) -> int:
    """Let the loop turn until something is so; return how often it did."""
    for count in range(most):
        if done():
            return count
        await asyncio.sleep(0)
    raise AssertionError(f"not in {most} turns")


def answers(client: Client) -> dict[int, RangeResponse]:
    """Return what has been answered as a whole since this was last asked, by stream."""
    got = client.frames()
    ended = [frame.stream_id for frame in got if frame.flags & frames.END_STREAM]
    return {
        stream: RangeResponse.FromString(
            b"".join(
                each.payload for each in got if (each.kind, each.stream_id) == (frames.DATA, stream)
            )[PREFIX_BYTES:]
        )
        for stream in ended
    }


def idle(client: Client) -> Callable[[], bool]:
    return lambda: not client.connection.calls
