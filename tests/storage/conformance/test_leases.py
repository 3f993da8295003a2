"""Values with a TTL, on virtual time; where a server's clock ends them, on real time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from storage.errors import UnsupportedError
from storage.interface import Store
from storage.registry import StoreEntry, StoreOptions
from storage.virtual_time import VirtualClock, run_virtual
from tests.storage.conformance.revisions import Revisions
from tests.storage.recorder import Recorder


def make(entry: StoreEntry, tmp_path: Path, clock: VirtualClock | None = None) -> Store:
    return entry.make(
        StoreOptions(data_dir=tmp_path / "data", clock=clock or VirtualClock(), inline_commits=True)
    )


def needs_given_clock(entry: StoreEntry) -> None:
    """Skip the test of a store whose TTLs a test's clock cannot end: the last test is for all."""
    if not entry.capabilities.leases:
        pytest.skip("declares no leases")
    if not entry.capabilities.given_clock:
        pytest.skip("declares that TTLs run by its server's clock")


def test_ttl_is_honoured_or_refused_as_declared(entry: StoreEntry, tmp_path: Path) -> None:
    if entry.capabilities.leases:
        needs_given_clock(entry)

    async def scenario() -> None:
        async with make(entry, tmp_path) as store:
            at = Revisions(store)
            recorder = Recorder(after=at(1))
            if not entry.capabilities.leases:
                with pytest.raises(UnsupportedError):
                    await store.create(b"/a", b"one", ttl_s=10)
                return
            store.watch(b"/", recorder, after=at(1))
            await store.create(b"/a", b"one", ttl_s=10)
            await store.create(b"/b", b"one")
            await asyncio.sleep(9.5)
            assert await store.get(b"/a") is not None
            await asyncio.sleep(1)
            assert await store.get(b"/a") is None
            assert await store.get(b"/b") is not None
            assert recorder.revisions == at.each([2, 3, 4])
            assert recorder.changes[-1].value is None

    run_virtual(scenario())


def test_update_renews_or_ends_a_ttl(entry: StoreEntry, tmp_path: Path) -> None:
    needs_given_clock(entry)

    async def scenario() -> None:
        async with make(entry, tmp_path) as store:
            at = Revisions(store)
            await store.create(b"/renewed", b"one", ttl_s=10)
            await store.create(b"/kept", b"one", ttl_s=10)
            await store.create(b"/gone", b"one", ttl_s=10)
            await asyncio.sleep(5)
            await store.update(b"/renewed", b"two", expected=at(2), ttl_s=10)
            await store.update(b"/kept", b"two", expected=at(3))

            await asyncio.sleep(7)
            assert [item.key for item in (await store.list(b"/")).items] == [b"/kept", b"/renewed"]
            await asyncio.sleep(100)
            assert [item.key for item in (await store.list(b"/")).items] == [b"/kept"]

    run_virtual(scenario())


def test_update_of_nothing_but_the_ttl_writes(entry: StoreEntry, tmp_path: Path) -> None:
    needs_given_clock(entry)

    async def scenario() -> None:
        async with make(entry, tmp_path) as store:
            at = Revisions(store)
            await store.create(b"/renewed", b"one", ttl_s=10)
            await store.create(b"/kept", b"one", ttl_s=10)
            await store.create(b"/plain", b"one")
            await asyncio.sleep(5)
            renewed = await store.update(b"/renewed", b"one", expected=at(2), ttl_s=10)
            kept = await store.update(b"/kept", b"one", expected=at(3))
            assert (renewed, kept) == (at(5), at(6))
            assert await store.update(b"/kept", b"one", expected=at(6)) == at(6)
            assert await store.update(b"/plain", b"one", expected=at(4)) == at(4)

            await asyncio.sleep(7)
            keys = [item.key for item in (await store.list(b"/")).items]
            assert keys == [b"/kept", b"/plain", b"/renewed"]
            await asyncio.sleep(5)
            assert await store.count(b"/") == 2

    run_virtual(scenario())


def test_key_made_again_without_a_ttl_stays(entry: StoreEntry, tmp_path: Path) -> None:
    needs_given_clock(entry)

    async def scenario() -> None:
        async with make(entry, tmp_path) as store:
            await store.create(b"/a", b"one", ttl_s=10)
            await store.delete(b"/a")
            await store.create(b"/a", b"two")

            await asyncio.sleep(100)

            assert await store.get(b"/a") is not None

    run_virtual(scenario())


def test_many_ttls_that_end_together_all_end(entry: StoreEntry, tmp_path: Path) -> None:
    needs_given_clock(entry)

    async def scenario() -> None:
        async with make(entry, tmp_path) as store:
            await asyncio.gather(
                *[store.create(b"/k/%d" % number, b"v", ttl_s=10) for number in range(1200)]
            )
            await asyncio.sleep(12)

            assert await store.count(b"") == 0

    run_virtual(scenario())


def test_ttl_goes_on_over_a_restart(entry: StoreEntry, tmp_path: Path) -> None:
    needs_given_clock(entry)
    if not entry.capabilities.durable:
        pytest.skip("declares no durability")
    later = VirtualClock()
    later.offset_s = 3600

    async def before() -> None:
        async with make(entry, tmp_path) as store:
            await store.create(b"/ended", b"one", ttl_s=3000)
            await store.create(b"/running", b"one", ttl_s=4000)
            await store.create(b"/for ever", b"one")

    async def after() -> None:
        async with make(entry, tmp_path, later) as store:
            await asyncio.sleep(1)
            keys = [item.key for item in (await store.list(b"/")).items]
            assert keys == [b"/for ever", b"/running"]
            await asyncio.sleep(500)
            assert [item.key for item in (await store.list(b"/")).items] == [b"/for ever"]

    run_virtual(before())
    run_virtual(after())


@pytest.mark.slow
def test_ttls_end_one_after_another_and_never_early(entry: StoreEntry, tmp_path: Path) -> None:
    if not entry.capabilities.leases:
        pytest.skip("declares no leases")

    async def scenario() -> None:
        now = asyncio.get_running_loop().time
        async with make(entry, tmp_path) as store:
            at = Revisions(store)
            recorder = Recorder(after=at(1))
            store.watch(b"/", recorder, after=at(1))
            await store.create(b"/kept", b"one", ttl_s=2)
            await store.update(b"/kept", b"one", expected=at(2))
            await store.create(b"/again", b"one", ttl_s=2)
            await store.delete(b"/again")
            await store.create(b"/again", b"two")
            await store.create(b"/renewed", b"one", ttl_s=2)
            renewed_s = now()
            await store.update(b"/renewed", b"one", expected=at(7), ttl_s=4)
            begun_s = now()
            await store.create(b"/ends", b"one", ttl_s=2)

            await recorder.reach(at(10))
            assert now() - begun_s >= 2
            left = [item.key for item in (await store.list(b"/")).items]
            await recorder.reach(at(11))
            assert now() - renewed_s >= 4

            assert left == [b"/again", b"/kept", b"/renewed"]
            ended = [(change.key, change.value) for change in recorder.changes[-2:]]
            assert ended == [(b"/ends", None), (b"/renewed", None)]
            assert [item.key for item in (await store.list(b"/")).items] == [b"/again", b"/kept"]

    if entry.capabilities.given_clock:
        run_virtual(scenario())
    else:
        asyncio.run(scenario())
