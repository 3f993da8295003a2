"""``reports`` reads what ``bench`` writes: the shapes are two, and this holds them together."""

from __future__ import annotations

import dataclasses
from typing import Any, get_type_hints

import msgspec
import pytest

import bench.apibench.results
import bench.declared
import bench.etcd_fault_results
import bench.latency
import bench.load_results
import bench.matrix_results
import bench.realism_results
import bench.results
import bench.steady_results
import bench.store_results
import bench.switches
import bench.waterfall_results
import reports.apibench_model
import reports.comparing
import reports.etcd_fault_model
import reports.latency
import reports.load_model
import reports.model
import reports.realism_model
import reports.steady_model
import reports.store_model
import reports.switch_facts
import reports.waterfall_model

PAIRS: list[tuple[type[Any], type[Any]]] = [
    (bench.latency.Latency, reports.latency.Latency),
    (bench.latency.ApiLatency, reports.latency.ApiLatency),
    *(
        (getattr(bench.apibench.results, name), getattr(reports.apibench_model, name))
        for name in ("Line", "Goal", "Spread")
    ),
    *(
        (getattr(bench.load_results, name), getattr(reports.load_model, name))
        for name in ("Load", "Sent", "MachineUse", "Vitals", "Stall")
    ),
    (bench.declared.Declared, reports.store_model.Declared),
    (bench.etcd_fault_results.EtcdFault, reports.etcd_fault_model.EtcdFault),
    *(
        (getattr(bench.store_results, name), getattr(reports.store_model, name))
        for name in ("StoreUse", "MemberUse")
    ),
    *(
        (getattr(bench.realism_results, name), getattr(reports.realism_model, name))
        for name in ("Realism", "RealismRow")
    ),
    *(
        (getattr(bench.waterfall_results, name), getattr(reports.waterfall_model, name))
        for name in ("Waterfall", "WaterfallPhase", "Stage", "PodWay")
    ),
    *(
        (getattr(bench.steady_results, name), getattr(reports.steady_model, name))
        for name in ("Steady", "Aim", "Compactions")
    ),
    *(
        (getattr(bench.results, name), getattr(reports.model, name))
        for name in (
            "Results",
            "Verdict",
            "Environment",
            "ServiceLevel",
            "PodStartup",
            "Throughput",
            "ProcessUse",
            "Bytes",
            "Phase",
            "Measurements",
        )
    ),
    *(
        (getattr(bench.matrix_results, name), getattr(reports.comparing, name))
        for name in (
            "MatrixResults",
            "Metric",
            "Round",
            "Interval",
            "Cell",
            "Comparison",
            "CodecResults",
            "CodecRow",
        )
    ),
]


@pytest.mark.parametrize(("written", "read"), PAIRS, ids=[pair[0].__name__ for pair in PAIRS])
def test_every_key_that_is_read_is_written(written: type[Any], read: type[Any]) -> None:
    names = {field.name for field in dataclasses.fields(read)}

    assert names == {field.name for field in dataclasses.fields(written)}


def test_every_key_of_the_config_that_is_read_is_written() -> None:
    read = set(get_type_hints(reports.model.Config))

    assert read <= set(get_type_hints(bench.results.Config))


def test_files_and_schema_versions_agree() -> None:
    assert bench.results.RESULTS_FILE == reports.model.RESULTS_FILE
    assert bench.matrix_results.MATRIX_FILE == reports.comparing.MATRIX_FILE
    assert bench.matrix_results.CODECS_FILE == reports.comparing.CODECS_FILE
    assert bench.results.SCHEMA_VERSION == reports.reading.SCHEMA_VERSION


def test_switches_are_named_and_usual_as_they_are_written() -> None:
    named = {name: switch.usual for name, switch in reports.switch_facts.SWITCHES.items()}

    assert named == bench.switches.settings(bench.switches.USUAL)
    assert list(reports.switch_facts.BEHAVIOUR) == list(
        bench.switches.settings(bench.switches.RUNNING)
    )


def test_switches_are_written_as_they_are_read() -> None:
    written = bench.results.Config(
        switches=bench.switches.Switches(events="off"),
        behaviour=bench.switches.PodBehaviour(crash_after="1s:5s"),
    )

    read = msgspec.json.decode(msgspec.json.encode(written), type=reports.model.Config)

    assert reports.switch_facts.switch_flags(read) == [
        *("--events", "off"),
        *("--crash-after", "1s:5s"),
    ]
