"""Three real members, one of which fails under load: nothing is lost, nothing told twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from storage.clock import SystemClock
from storage.records import Change, KeyValue
from storage.remote.etcd3.store import RemoteStore
from storage.remote.etcd3.url import parse_url
from tests.etcd_members import EtcdCluster
from tests.real_etcd import start_etcd, three_members  # noqa: F401  # fixtures
from tests.storage.recorder import Recorder
from tests.storage.remote.fault_load import PREFIX, Journal, Write, Writer, violations

WRITERS = 12
BEFORE_S = 0.7
AFTER_S = 1.5

Fault = Callable[[EtcdCluster], Awaitable[None]]


async def kill_leader(cluster: EtcdCluster) -> None:
    leader = await cluster.leader()
    leader.kill()
    await asyncio.sleep(AFTER_S)
    await cluster.restart(leader)


async def stop_leader(cluster: EtcdCluster) -> None:
    leader = await cluster.leader()
    leader.pause()
    await asyncio.sleep(5.0)
    leader.resume()
    await cluster.healthy()


async def stop_quorum(cluster: EtcdCluster) -> None:
    """For three seconds nobody can write at all."""
    for member in cluster.members[:2]:
        member.pause()
    await asyncio.sleep(3.0)
    for member in cluster.members[:2]:
        member.resume()
    await cluster.healthy()


@asynccontextmanager
async def stores(cluster: EtcdCluster) -> AsyncIterator[tuple[RemoteStore, RemoteStore]]:
    """Two clients, as of two API servers."""
    url = parse_url(cluster.url)
    async with RemoteStore(url, SystemClock()) as one, RemoteStore(url, SystemClock()) as two:
        yield one, two


async def story(cluster: EtcdCluster, fault: Fault) -> tuple[Journal, list[Change], list[Recorder]]:
    """Write through both, watch through both, fail in the middle; return what there is to see."""
    journal = Journal()
    async with stores(cluster) as pair:
        start = pair[0].current_revision()
        recorders = [Recorder(start) for _ in range(4)]
        for place, recorder in enumerate(recorders):
            pair[place % 2].watch(PREFIX, recorder, after=start)
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for number in range(WRITERS):
                writer = Writer(pair[number % 2], number, journal, seed=7)
                group.create_task(writer.run(stop))
            await asyncio.sleep(BEFORE_S)
            await fault(cluster)
            await journal.reach(len(journal.acknowledged) + 10 * WRITERS)
            stop.set()
        end = await pair[0].latest_revision()
        for recorder in recorders:
            await recorder.reach(end)
            assert recorder.error is None
        history = await _whole(cluster, start, end)
    return journal, history, recorders


async def _whole(cluster: EtcdCluster, start: int, end: int) -> list[Change]:
    """Return the history as a third client reads it, who saw nothing of the fault."""
    async with RemoteStore(parse_url(cluster.url), SystemClock()) as fresh:
        recorder = Recorder(start)
        fresh.watch(PREFIX, recorder, after=start)
        await recorder.reach(end)
        return [change for change in recorder.changes if change.revision <= end]


@pytest.mark.slow
@pytest.mark.parametrize("fault", [kill_leader, stop_leader, stop_quorum])
def test_writes_and_watches_survive_a_fault(three_members: EtcdCluster, fault: Fault) -> None:  # noqa: F811
    journal, history, recorders = asyncio.run(story(three_members, fault))

    assert violations(journal, history) == []
    assert len(journal.acknowledged) > WRITERS
    for recorder in recorders:
        told = [c for c in recorder.changes if c.revision <= history[-1].revision]
        assert [c[:4] for c in told] == [c[:4] for c in history]


A = KeyValue(b"a", b"1", 5, 5, 1)
CREATED = Change(b"a", b"1", 5, 5, None, 1)
UPDATED = Change(b"a", b"2", 6, 5, A, 2)
JOURNAL = Journal(acknowledged={5: Write(b"a", b"1", 0), 6: Write(b"a", b"2", 5)})


@pytest.mark.parametrize(
    ("journal", "history", "expected"),
    [
        (JOURNAL, [CREATED, UPDATED], ""),
        (JOURNAL, [CREATED], "lost"),
        (JOURNAL, [CREATED, UPDATED._replace(value=b"3")], "lost"),
        (Journal(acknowledged={5: Write(b"a", b"1", 0)}), [CREATED, UPDATED], "phantom"),
        (replace(JOURNAL, acknowledged={6: Write(b"a", b"2", 5)}), [UPDATED], "gap"),
        (
            Journal({5: Write(b"a", b"1", 0)}, unknown=[Write(b"a", b"2", 5)]),
            [CREATED, UPDATED],
            "",
        ),
        (Journal({5: Write(b"a", b"1", 0)}, unknown=[Write(b"a", b"2", 5)]), [CREATED], ""),
        (
            Journal({5: Write(b"a", b"1", 0)}, unknown=[Write(b"a", b"2", 5)]),
            [CREATED, UPDATED, UPDATED._replace(revision=7)],
            "phantom",
        ),
        (replace(JOURNAL, stale=["a at 5 after 6"]), [CREATED, UPDATED], "a at 5"),
    ],
)
def test_checker_finds_what_is_wrong(
    journal: Journal, history: list[Change], expected: str
) -> None:
    found = violations(journal, history)

    assert bool(found) == bool(expected)
    assert not expected or found[0].startswith(expected)
