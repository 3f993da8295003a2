from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from bench.sampling import TICKS_PER_S, Sampler, Usage, cpu_s_of, read_usage
from storage.clock import SystemClock

STAT = "42 (a (strange) name) S 1 42 42 0 -1 4194560 5 0 0 0 {user} {system} 0 0 20 0 1 0 9 9 9"
STATUS = "Name:\ta\nRssAnon:\t    2048 kB\nRssFile:\t    1024 kB\nRssShmem:\t 0 kB\n"


def write_process(proc: Path, pid: int, *, user: int, system: int) -> None:
    folder = proc / str(pid)
    folder.mkdir(exist_ok=True, parents=True)
    (folder / "stat").write_text(STAT.format(user=user, system=system), encoding="utf-8")
    (folder / "status").write_text(STATUS, encoding="utf-8")


def test_usage_is_read_past_a_name_with_brackets(tmp_path: Path) -> None:
    write_process(tmp_path, 42, user=3 * TICKS_PER_S, system=TICKS_PER_S)

    assert read_usage(42, tmp_path) == Usage(cpu_s=4.0, anon_mib=2.0, file_mib=1.0)


def test_usage_of_a_process_that_is_gone_is_none(tmp_path: Path) -> None:
    assert read_usage(42, tmp_path) is None


def test_cpu_of_a_process_is_its_own_to_less_than_a_tick() -> None:
    before_s, pid = time.process_time(), os.getpid()
    told_s = cpu_s_of(pid)

    assert before_s <= told_s <= time.process_time()
    with pytest.raises(OSError, match="Invalid argument"):
        cpu_s_of(2**22 + 1)


def test_usage_of_this_process_is_what_the_system_says() -> None:
    usage = read_usage(os.getpid())

    assert usage is not None
    times = os.times()
    assert usage.cpu_s == pytest.approx(times.user + times.system, abs=0.5)
    assert usage.anon_mib > 1


def test_what_is_excluded_counts_for_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.sampling.read_usage", lambda pid: read_usage(pid, tmp_path))
    write_process(tmp_path, 42, user=TICKS_PER_S, system=0)
    sampler = Sampler(lambda: {"apiserver": 42}, SystemClock())

    with sampler.excluded():
        write_process(tmp_path, 42, user=5 * TICKS_PER_S, system=0)
        sampler.sample()
    write_process(tmp_path, 42, user=6 * TICKS_PER_S, system=0)

    assert sampler.sample()["apiserver"].cpu_s == 2.0
    assert [sample.usage.cpu_s for sample in sampler.samples] == [1.0, 2.0]
    assert sampler.first_excluded_ns > 0


def test_sampler_leaves_out_a_process_that_ended_and_stamps_the_others() -> None:
    sampler = Sampler(lambda: {"gone": 2**22 + 1, "me": os.getpid()}, SystemClock())

    async def a_moment() -> None:
        async with asyncio.TaskGroup() as group:
            sampling = group.create_task(sampler.run())
            await asyncio.sleep(0)
            sampling.cancel()

    asyncio.run(a_moment())

    assert [sample.process for sample in sampler.samples] == ["me"]
