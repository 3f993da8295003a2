"""An API server whose watch of a real etcd 2 falls behind its history: told, listed anew, whole.

A real etcd keeps a stream that was too slow for it, and tells nothing more on it: who only waits
for its end waits for ever. The store finds it out by what it is told of the index elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import pytest

from serialization.kinds import PODS
from storage.base64_values import Base64Values
from storage.errors import FutureRevisionError
from storage.etcd2.model import HISTORY_EVENTS
from storage.remote.etcd2.store import RemoteStore
from storage.remote.url import parse_url
from tests.cluster.apiserver.reads.rig import rig
from tests.cluster.apiserver.relay import Relay
from tests.etcd_members import EtcdCluster
from tests.real_etcd import one_member, start_etcd  # noqa: F401  # fixtures

pytestmark = pytest.mark.slow
WRITES: Final = HISTORY_EVENTS + 500
AT_ONCE: Final = 50
LONG: Final = {"long": "x" * 16_000}
"""So much that of what is told only some hundreds of events fit into the buffers of sockets."""
PATIENCE_S: Final = 60.0


async def until(true: Callable[[], bool]) -> None:
    """Wait for what nothing tells of."""
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("how", ["stalled", "cut off"])
def test_watch_that_falls_behind_loses_nothing(one_member: EtcdCluster, how: str) -> None:  # noqa: F811
    endpoint = one_member.endpoints[0]

    async def main() -> None:
        async with (
            Relay(endpoint) as relay,
            Base64Values(RemoteStore(parse_url(f"etcd2://{endpoint}"))) as others,
            rig(store=Base64Values(RemoteStore(parse_url(f"etcd2://{relay.target}")))) as made,
        ):
            place = made.place
            old = await place.put("a")
            begun = await place.put("b")
            live, _ = made.watch(f"resourceVersion={old}")
            await until(lambda: len(live.told) == 1)

            (relay.pause if how == "stalled" else relay.refuse)()
            labels = LONG if how == "stalled" else {}
            made_since = [f"p{number:04}" for number in range(WRITES)]
            for first in range(0, WRITES, AT_ONCE):
                writes = [
                    others.create(PODS.key("default", name), place.document(name, labels=labels))
                    for name in made_since[first : first + AT_ONCE]
                ]
                await asyncio.gather(*writes)
            gone = await others.delete(PODS.key("default", "a"))
            (relay.resume if how == "stalled" else relay.accept)()

            with suppress(FutureRevisionError):  # a read that finds the watch to be behind
                await place.cache.catch_up()
            await until(lambda: live.complete and not place.cache.losses)
            assert place.cache.counters.resyncs >= 1
            await asyncio.wait_for(place.cache.wait_for(gone), PATIENCE_S)
            again, _ = made.watch(f"resourceVersion={begun}")
            await until(lambda: again.complete)
            assert [status.code for status in again.errors] == [410]
            assert again.told == []

            head, pods, _ = await made.list()
            stored = (await others.list(PODS.prefix())).items
            assert [pod.metadata.name for pod in pods] == ["b", *made_since]
            assert [pod.metadata.resourceVersion for pod in pods] == [
                str(item.revision) for item in stored
            ]
            fresh, _ = made.watch(f"resourceVersion={head['resourceVersion']}")
            last = await place.put("b", node="n2")
            await until(lambda: bool(fresh.told))
            assert fresh.short == [("MODIFIED", "b", str(last))]

    asyncio.run(main())
