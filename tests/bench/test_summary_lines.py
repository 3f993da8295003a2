from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from bench.commands.layer_lines import layer_lines
from bench.commands.load_lines import core_lines, load_lines
from bench.commands.steady_lines import steady_lines
from bench.commands.summary import print_run
from bench.latency import Latency
from bench.layer_results import Attribution, LayerCpu, ProcessLayers
from bench.load_results import HEARTBEATS, Load, MachineUse, Sent
from bench.results import ServiceLevel
from bench.steady_results import Aim, Compactions, Steady
from tests.bench.run_results import results

USE = MachineUse(10.0, 2, 1.9, 0.0, 1.2, 0.6, 0.1)


def sent(what: str, got: float, late_ms: float) -> Sent:
    return Sent("steady", what, 50, 50, 5.0, got, late=Latency(50, 1.0, 1.0, late_ms, late_ms))


def steady(aims: dict[str, Aim], compacted: int | None) -> Steady:
    return Steady(
        seconds=2.0,
        changes={},
        changes_asked_per_s=20.0,
        changes_per_s=19.0,
        pod_startup=Latency(),
        single_object=Latency(),
        api_latency=[],
        aims=aims,
        compactions=Compactions(1.0, in_phase=compacted, revision=None),
    )


def test_schedules_are_told_by_the_slowest_and_the_latest_of_them() -> None:
    rows = [sent("create pods", 4.9, 3.0), sent("get nodes", 5.0, 70.0), sent(HEARTBEATS, 4.0, 9.0)]

    assert list(load_lines(Load(sent=rows))) == [
        "2 schedules: slowest 4.9/s of 5/s asked (steady: create pods), latest p99 70 ms"
        " (steady: get nodes)",
        "heartbeats 4/s of 5/s asked, late p99 9 ms",
    ]


def test_a_load_without_schedules_or_counts_of_cores_says_nothing() -> None:
    single = replace(sent("create pods", 0.0, 1.0), intended_per_s=None, achieved_per_s=None)

    assert list(load_lines(Load(sent=[single]))) == []
    assert list(core_lines(Load())) == []


def test_cores_of_all_phases_are_on_one_line() -> None:
    assert list(core_lines(Load(machine={"fill": USE, "delete": USE}))) == [
        "of 2: fill 1.20 plane + 0.60 generator + 0.10 others;"
        " delete 1.20 plane + 0.60 generator + 0.10 others"
    ]


@pytest.mark.parametrize(
    ("counted", "said"),
    [(1, "1 compaction,"), (2, "2 compactions,"), (None, "an unknown number of compactions,")],
)
def test_compactions_are_counted_in_words(counted: int | None, said: str) -> None:
    assert said in next(steady_lines(steady({}, counted)))


def test_aims_of_the_steady_phase_are_on_one_line_missed_ones_in_capitals() -> None:
    aims = {"pod_startup_p99": Aim(1000.0, 5000.0, 93.3, met=True)}
    aims["single_object_client_p99"] = Aim(100.0, 1000.0, 140.0, met=False)
    aims["single_object_server_p99"] = Aim(100.0, 1000.0, None, met=None)

    _, line = steady_lines(steady(aims, 1))

    assert line == (
        "aims for p99: pod start-up 93.3 ms of 1000: met; single-object calls, client 140 ms of"
        " 100: MISSED; API server not measured of 100: open"
    )


def test_layers_that_are_not_named_are_no_less_than_nothing() -> None:
    seconds = (0.1, 0.2, 0.3, 0.07, 0.11, 0.13)
    found = [LayerCpu(f"l{at}", cpu_s, None, "", 0) for at, cpu_s in enumerate(seconds)]
    server = ProcessLayers(1.0, None, found, 0.09, None, 0.0, 0.0)

    line = next(layer_lines(Attribution({"apiserver": server}, 1, None)))

    assert "other layers 0%" in line


def test_a_run_is_told_headline_first_levels_that_were_missed_by_themselves() -> None:
    text = io.StringIO()
    run = results()
    levels = {"a": ServiceLevel(100.0, 50.0, met=True), "b": ServiceLevel(100.0, 200.0, met=False)}

    print_run(replace(run, slo=levels), Console(file=text, width=140))

    lines = text.getvalue().splitlines()
    assert lines[1].startswith("  pods started  ")
    assert lines[2].startswith("  pod start-up  p50")
    assert lines[3].startswith("  all pods      p50")
    assert lines[4] == "  levels        MISSED: b 200 of 100 ms"
    assert lines[5] == "                met: a 50 of 100 ms"
    assert lines[-1] == "  verdict: valid"
