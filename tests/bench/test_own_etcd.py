"""Members of a real etcd for the time of a run; programs that end with who started them."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bench.child import ChildError
from bench.data_places import refuse_others
from bench.own_etcd import OwnEtcd, etcd_command, free_ports, member_names
from storage.clock import SystemClock
from tests.real_etcd import require_etcd

WAIT_S = 30


def within(tmp_path: Path, members: int, act: Callable[[OwnEtcd], Awaitable[None]]) -> OwnEtcd:
    async def body() -> OwnEtcd:
        etcd = OwnEtcd(members, tmp_path / "data", tmp_path / "logs", SystemClock())
        await etcd.start()
        try:
            await act(etcd)
        finally:
            await etcd.stop()
        return etcd

    return asyncio.run(body())


def test_members_have_names_and_ports_of_their_own() -> None:
    assert (member_names(1), member_names(2)) == (["etcd"], ["etcd-1", "etcd-2"])
    assert len(set(free_ports(20))) == 20


@pytest.mark.slow
@pytest.mark.parametrize("members", [1, 3])
def test_members_come_up_tell_of_themselves_and_end_as_asked(tmp_path: Path, members: int) -> None:
    require_etcd()

    async def look(etcd: OwnEtcd) -> None:
        assert etcd.url.startswith("etcd3://127.0.0.1:")
        assert etcd.version.startswith("3.")
        told = await etcd.statistics()
        assert list(told) == member_names(members)
        for found in told.values():
            assert found.counters["etcd_wal_fsyncs"] > 0
            assert found.counters["etcd_disk_bytes"] > 0

    etcd = within(tmp_path, members, look)

    assert [child.died for child in etcd.children] == [""] * members
    assert all(child.exit_code is not None for child in etcd.children)


@pytest.mark.slow
def test_members_come_up_again_on_their_data_and_on_no_others(tmp_path: Path) -> None:
    require_etcd()
    urls = []

    async def look(etcd: OwnEtcd) -> None:
        urls.append(etcd.url)

    within(tmp_path, 3, look)
    within(tmp_path, 3, look)

    assert urls[0] == urls[1]
    with pytest.raises(ChildError, match="are of 3 members, not of 1"):
        within(tmp_path, 1, look)


@pytest.mark.parametrize("name", ["db.lmdb", "member"])
def test_members_do_not_start_over_the_data_of_another_store(tmp_path: Path, name: str) -> None:
    require_etcd()
    data = tmp_path / "data"
    (data / name).mkdir(parents=True)

    with pytest.raises(ChildError, match=f"there is a {name}"):
        within(tmp_path, 1, lambda _etcd: asyncio.sleep(0))


@pytest.mark.slow
def test_a_member_that_ends_unasked_is_told(tmp_path: Path) -> None:
    require_etcd()

    async def kill(etcd: OwnEtcd) -> None:
        os.kill(etcd.children[0].pid, signal.SIGKILL)
        await etcd.children[0].ended()
        assert etcd.children[0].died == "etcd (exit code -9)"
        assert await etcd.statistics() == {}

    within(tmp_path, 1, kill)


@pytest.mark.slow
def test_what_a_member_was_told_wrongly_is_in_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_etcd()

    def nonsense(*arguments: object) -> list[str]:
        return [*etcd_command(*arguments), "--no-such-flag"]  # type: ignore[arg-type]  # as given

    monkeypatch.setattr("bench.own_etcd.etcd_command", nonsense)

    with pytest.raises(ChildError, match="etcd ended with exit code"):
        within(tmp_path, 1, lambda _etcd: asyncio.sleep(0))


@pytest.mark.slow
def test_a_tied_program_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    starts = (
        "import os, subprocess, sys, time\n"
        "command = [sys.executable, '-m', 'bench.tied', str(os.getpid()), 'sleep', '60']\n"
        "child = subprocess.Popen(command, stdout=subprocess.PIPE)\n"
        f"open({str(file)!r} + '.part', 'w').write(str(child.pid))\n"
        "while open(f'/proc/{child.pid}/comm').read() != 'sleep\\n': pass\n"
        f"os.rename({str(file)!r} + '.part', {str(file)!r})\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", starts])
    try:
        while not file.exists():
            assert parent.poll() is None
        pid = int(file.read_text())
        descriptor = os.pidfd_open(pid)
    finally:
        parent.kill()
        parent.wait(WAIT_S)

    ended, _, _ = select.select([descriptor], [], [], WAIT_S)
    os.close(descriptor)
    assert ended


def test_a_tied_program_that_is_not_there_is_told() -> None:
    command = [sys.executable, "-m", "bench.tied", str(os.getpid()), "/no/such/program"]

    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=False)

    assert (done.returncode, done.stderr) == (1, "/no/such/program: No such file or directory\n")


def test_a_tied_program_does_not_begin_when_its_parent_is_gone_already() -> None:
    command = [sys.executable, "-m", "bench.tied", "1", "true"]

    assert subprocess.run(command, timeout=WAIT_S, check=False).returncode == 1


@pytest.mark.parametrize(
    ("store", "name", "owner"),
    [
        ("etcd3", "member", "our engine of etcd 2, or an etcd"),
        ("etcd3", "members.json", "members of a real etcd"),
        ("etcd2", "db.lmdb", "our engine of etcd 3"),
        ("etcd2", "members.json", "members of a real etcd"),
        ("real", "member", "our engine of etcd 2, or an etcd of others"),
        ("memory", "", ""),
    ],
)
def test_data_of_another_store_are_not_opened_beside(
    tmp_path: Path, store: str, name: str, owner: str
) -> None:
    refuse_others(tmp_path, store)
    if not name:
        return
    (tmp_path / name).mkdir()
    with pytest.raises(ChildError, match=f"holds the data of {owner}: there is a {name}$"):
        refuse_others(tmp_path, store)
