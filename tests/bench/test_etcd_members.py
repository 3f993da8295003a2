"""Real members: they start, fail on demand, and come back with what they knew."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.etcd_members import EtcdCluster, EtcdError, EtcdOptions, free_ports
from tests.real_etcd import (  # noqa: F401  # fixtures
    one_member,
    start_etcd,
    three_members,
)


@pytest.mark.slow
def test_three_members_survive_a_killed_and_a_stopped_leader(three_members: EtcdCluster) -> None:  # noqa: F811
    async def story() -> list[str]:
        first = await three_members.leader()
        first.kill()
        assert not first.running
        second = await three_members.leader()
        await three_members.restart(first)
        second.pause()
        third = await three_members.leader()
        second.resume()
        await three_members.healthy()
        return [first.name, second.name, third.name]

    first, second, third = asyncio.run(story())

    assert first != second
    assert second != third
    assert three_members.died == []
    assert len(three_members.pids) == 3


@pytest.mark.slow
def test_member_ends_in_order_when_asked(one_member: EtcdCluster) -> None:  # noqa: F811
    one_member.end()

    assert one_member.pids == {}
    assert one_member.died == []


@pytest.mark.slow
def test_member_that_is_gone_without_being_asked_is_told(one_member: EtcdCluster) -> None:  # noqa: F811
    one_member.members[0]._process.kill()  # type: ignore[union-attr]  # it runs
    one_member.members[0]._process.wait()  # type: ignore[union-attr]  # it runs

    assert one_member.died == ["etcd-1 (exit code -9)"]
    assert one_member.pids == {}


def test_missing_program_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(EtcdError, match="no program 'etcd' on PATH"):
        asyncio.run(EtcdCluster(tmp_path).start())


@pytest.mark.slow
def test_member_that_refuses_its_flags_is_told_with_its_log(tmp_path: Path) -> None:
    cluster = EtcdCluster(tmp_path, EtcdOptions(extra=("--no-such-flag",)))

    with pytest.raises(EtcdError, match=r"etcd-1 \(exit code 2\) ended"):
        asyncio.run(cluster.start())


def test_free_ports_differ() -> None:
    ports = free_ports()

    assert len({next(ports) for _ in range(6)}) == 6
