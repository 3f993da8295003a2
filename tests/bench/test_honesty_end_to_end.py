"""Real processes are held up, and the verdict says so: SIGSTOP is a fault with an exact length."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from bench.results import Config, Results, Status, write_json
from bench.switches import APISERVER, NODES, USUAL

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

STOPPED_S = 2.0
STEADY = Config(
    nodes=10, pods=40, store="memory", probes=30, probe_interval_ms=100.0, heartbeat_s=1.0
)
"""Three seconds of steady phase: a stop at its begin ends within it."""
BRIEF = replace(STEADY, switches=replace(USUAL, history="off"))


def victim_of(run: Process, name: str) -> int:
    """Return the process id of a part of a run: of ``measuring`` itself, or of a child."""
    if name == "measuring":
        return run.pid
    (found,) = (
        child.pid
        for child in psutil.Process(run.pid).children()
        if f"cluster.processes.{name}" in child.cmdline()
    )
    return found


async def played(directory: Path, config: Config, victim: str = "") -> Results:
    """Play a run; stop one of its processes, if one is named, for a while in the steady phase."""
    source = write_json(directory / "config.json", config)
    arguments = ["-m", "bench.measure", "--config", str(source), "--out", str(directory)]
    run = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=PIPE)
    assert run.stdout is not None
    async for line in run.stdout:
        if victim and json.loads(line).get("phase") == "steady":
            pid = victim_of(run, victim)
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(STOPPED_S)  # it is the fault
            os.kill(pid, signal.SIGCONT)
            break
    await run.communicate()
    assert run.returncode == 0
    return Results.read(directory)


def test_a_server_that_stood_still_for_two_seconds_is_named(tmp_path: Path) -> None:
    results = asyncio.run(played(tmp_path, BRIEF, APISERVER))

    verdict, stalls = results.verdict, results.measurements.load.stalls
    assert verdict.status is not Status.VALID
    assert "server-stalled" in verdict.rules
    assert any("API server answered nothing for" in reason for reason in verdict.reasons)
    assert any("apiserver stood still for" in reason for reason in verdict.reasons)
    longest = max(
        (stall for stall in stalls if stall.what == "answer"), key=lambda stall: stall.lasted_s
    )
    # A beat falls into the stop somewhere; how long the rest took afterwards is the machine's.
    assert longest.lasted_s > STOPPED_S - 0.5
    assert longest.phase == "steady"


def test_a_generator_that_was_starved_is_named_and_the_server_is_not_blamed(
    tmp_path: Path,
) -> None:
    results = asyncio.run(played(tmp_path, BRIEF, "measuring"))

    verdict = results.verdict
    assert verdict.status is not Status.VALID
    assert "generator-late" in verdict.rules
    assert "server-stalled" not in verdict.rules
    assert any("measuring stood still for" in reason for reason in verdict.reasons)
    (probes,) = (row for row in results.measurements.load.sent if row.what == "create pods")
    assert probes.late.max_ms is not None
    assert probes.late.max_ms > 1000


def test_nodes_that_were_starved_are_named(tmp_path: Path) -> None:
    results = asyncio.run(played(tmp_path, BRIEF, NODES))

    verdict = results.verdict
    assert verdict.status is not Status.VALID
    assert any("nodes stood still for" in reason for reason in verdict.reasons)
    assert "heartbeats-late" in verdict.rules


def test_an_event_that_the_server_lost_makes_a_run_void(tmp_path: Path) -> None:
    config = replace(STEADY, probes=3, fault="lose-event")

    verdict = asyncio.run(played(tmp_path, config)).verdict

    assert verdict.status is Status.VOID
    assert {"history-broken", "audit-disagrees", "pods-missing"} & set(verdict.rules)


def test_a_watcher_that_the_server_dropped_is_told_of(tmp_path: Path) -> None:
    config = replace(BRIEF, probes=3, fault="drop-watch")

    results = asyncio.run(played(tmp_path, config))

    verdict = results.verdict
    assert verdict.status is not Status.VALID
    assert "watch-gap" in verdict.rules
    assert any("the watch was torn 1 times" in reason for reason in verdict.reasons)
    assert results.measurements.counters["apiserver"]["watch_ended_slow"] >= 1
