"""A big store opens quickly; what it owes after a kill or a cut: ``tests.storage.durability``."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from storage.registry import STORES, StoreOptions


@pytest.mark.slow
def test_store_of_60000_keys_opens_in_under_a_second(tmp_path: Path) -> None:
    value = b"v" * 1144
    options = StoreOptions(data_dir=tmp_path / "data", sync=False)

    async def fill() -> None:
        async with STORES["etcd3"].make(options) as store:
            for burst in range(60):
                keys = [b"/registry/pods/ns/pod-%05d" % (burst * 1000 + n) for n in range(1000)]
                await asyncio.gather(*[store.create(key, value) for key in keys])

    async def open_s() -> float:
        start_s = time.process_time()  # what all threads computed: others' work does not count
        async with STORES["etcd3"].make(options) as store:
            took_s = time.process_time() - start_s
            assert await store.count(b"/registry/pods/") == 60_000
        return took_s

    asyncio.run(fill())
    # The best of three: a collection, or a cold cache, may be in one.
    assert min(asyncio.run(open_s()) for _ in range(3)) < 1.0
