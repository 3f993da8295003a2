"""What every way to a store promises, over the registry and over servers of both sorts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bench.storebench.drivers.engines import ENGINES
from bench.storebench.drivers.interface import Driver, DriverError, Spot
from bench.storebench.drivers.registry import DRIVERS, IN_PROCESS
from bench.storebench.servers import OURS_V2, REAL, REAL_V2, SERVERS, serving
from storage.clock import SystemClock
from storage.registry import STORES
from tests.real_etcd import require_etcd

PREFIX = b"/promises/"
ENTRIES = sorted(DRIVERS)
SERVED = {"": tuple(STORES), "etcd3": ("kubedyno-memory", REAL), "etcd2": (OURS_V2, REAL_V2)}
CASES = [(name, server) for name in ENTRIES for server in SERVED[DRIVERS[name].scheme]]


@asynccontextmanager
async def opened(name: str, server: str, directory: Path) -> AsyncIterator[Driver]:
    entry = DRIVERS[name]
    if entry.place == IN_PROCESS:
        async with entry.make(Spot(server, directory)) as driver:
            yield driver
        return
    async with (
        serving(server, directory, SystemClock()) as found,
        entry.make(Spot(found.url, directory / "unused")) as driver,
    ):
        yield driver


async def _written_and_read(driver: Driver) -> None:
    key, other = PREFIX + b"a", PREFIX + b"b"
    before = await driver.revision()

    made = await driver.swap(key, b"1", 0)
    changed = await driver.swap(key, b"2", made)

    assert before < made < changed == await driver.get(key) == await driver.revision()
    assert await driver.get(other) == 0
    for expected in (0, made, changed + 1):
        with pytest.raises(DriverError):
            await driver.swap(key, b"3", expected)
    many = await asyncio.gather(*(driver.swap(b"%s%d" % (other, n), b"x", 0) for n in range(50)))
    assert sorted(many) == list(range(changed + 1, changed + 51))
    await driver.clear(PREFIX)
    assert await driver.get(key) == 0


async def _put(driver: Driver) -> None:
    key = PREFIX + b"put"

    made = await driver.put(key, b"same")
    again = await driver.put(key, b"same")

    assert again == made + 1 == await driver.get(key)
    big = await driver.put(key, b"v" * 40_000)  # of several frames
    assert big == again + 1


async def _watched(driver: Driver) -> None:
    heard: list[bytes] = []
    all_heard = asyncio.Event()

    def hear(value: bytes) -> None:
        heard.append(value)
        if len(heard) == 8:
            all_heard.set()

    await driver.swap(PREFIX + b"before", b"0", 0)
    await driver.idle(PREFIX + b"nobody/", 30, 4)
    await driver.watch(PREFIX, hear)
    await driver.watch(PREFIX, hear)
    revision = 0
    for value in (b"1", b"2", b"3", b"4"):
        revision = await driver.swap(PREFIX + b"key", value, revision)
    async with asyncio.timeout(10):
        await all_heard.wait()

    assert sorted(heard) == [b"1", b"1", b"2", b"2", b"3", b"3", b"4", b"4"]


async def _all(name: str, server: str, directory: Path) -> None:
    async with opened(name, server, directory) as driver:
        await _written_and_read(driver)
        await _watched(driver)
        if DRIVERS[name].puts:
            await _put(driver)
        else:
            with pytest.raises(DriverError):
                await driver.put(PREFIX, b"")
        assert set(await driver.counters()) <= {"syncs", "writes"}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "server"), CASES)
def test_driver_keeps_its_promises(name: str, server: str, tmp_path: Path) -> None:
    if server in (REAL, REAL_V2):
        require_etcd()

    asyncio.run(_all(name, server, tmp_path))


@pytest.mark.parametrize("name", ENTRIES)
def test_driver_says_where_it_can_be_used(name: str) -> None:
    entry = DRIVERS[name]

    assert (entry.place == IN_PROCESS) == (entry.scheme == "") == (entry.client == "")
    assert entry.table.startswith(entry.place)


def test_every_store_in_process_can_be_loaded() -> None:
    assert set(STORES) <= set(ENGINES)


def test_tables_of_different_places_and_clients_have_different_titles() -> None:
    titles = {entry.table for entry in DRIVERS.values()}

    assert len(titles) == len({(entry.place, entry.client) for entry in DRIVERS.values()})


async def _nobody(name: str, directory: Path) -> str:
    with pytest.raises(DriverError) as caught:
        async with DRIVERS[name].make(Spot(f"{DRIVERS[name].scheme}://127.0.0.1:1", directory)):
            pass
    return str(caught.value)


@pytest.mark.parametrize("name", ["etcd3-wire", "etcd2-wire"])
def test_a_server_that_is_not_there_is_told_in_a_line(name: str, tmp_path: Path) -> None:
    assert "127.0.0.1:1: not connected" in asyncio.run(_nobody(name, tmp_path))


def test_every_server_s_name_tells_whose_it_is() -> None:
    assert all(name.startswith(("kubedyno-", REAL)) for name in SERVERS)
