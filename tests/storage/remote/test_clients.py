"""Which client carries a store's calls: the address says it, and the counters tell it."""

from __future__ import annotations

import asyncio

import pytest

from storage.clock import SystemClock
from storage.remote.etcd3.store import RemoteStore
from storage.remote.url import CLIENTS, StoreUrlError, parse_url
from tests.storage.serve.served import served


@pytest.mark.parametrize(
    ("option", "client", "shown"),
    [
        ("", "http2", "etcd3://etcd:2379"),
        ("?client=http2", "http2", "etcd3://etcd:2379"),
        ("?client=grpc", "grpc", "etcd3://etcd:2379?client=grpc"),
    ],
)
def test_address_names_the_client(option: str, client: str, shown: str) -> None:
    url = parse_url(f"etcd3://etcd:2379{option}")

    assert url.client == client
    assert str(url) == shown


def test_client_that_is_unknown_is_refused() -> None:
    with pytest.raises(StoreUrlError, match="client= of a store's address is http2 or grpc, not x"):
        parse_url("etcd3://etcd:2379?client=x")


@pytest.mark.slow
@pytest.mark.parametrize("client", CLIENTS)
def test_counters_tell_who_made_the_calls(client: str) -> None:
    async def story() -> RemoteStore:
        async with served() as engine:
            url = parse_url(f"etcd3://{engine.target}?client={client}")
            async with RemoteStore(url, SystemClock()) as store:
                await store.create(b"/registry/first", b"one")  # the watch has begun to tell
                opened = store.counters()[f"store_calls_{client}"]
                await store.create(b"/registry/a", b"one")
                assert store.counters()[f"store_calls_{client}"] == opened + 1
                assert await store.get(b"/registry/a") is not None
            return store

    told = asyncio.run(story()).counters()

    assert [name for name in told if name.startswith("store_calls_")] == [f"store_calls_{client}"]
