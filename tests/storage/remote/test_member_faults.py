"""Three real members, one of which fails under load: nothing is lost, nothing told twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from storage.records import Change, KeyValue
from tests.etcd_members import EtcdCluster
from tests.real_etcd import start_etcd, three_members  # noqa: F401  # fixtures
from tests.storage.remote.fault_load import Journal, Write, violations
from tests.storage.remote.fault_story import assert_nothing_lost, story

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


@pytest.mark.slow
@pytest.mark.parametrize("fault", [kill_leader, stop_leader, stop_quorum])
def test_writes_and_watches_survive_a_fault(three_members: EtcdCluster, fault: Fault) -> None:  # noqa: F811
    journal, history, recorders = asyncio.run(
        story(three_members.url, lambda: fault(three_members))
    )

    assert_nothing_lost(journal, history, recorders)


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
