"""``kubedyno run`` on the real plane, small: what it writes, and that a falsehood makes it void."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from bench.cli import main
from bench.commands.interface import VOID
from bench.commands.run import exit_code
from bench.results import Results, Status
from bench.switches import SWITCHES, flag, settings
from tests.bench.busy_machine import own_reasons

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SMALL = ["--nodes", "5", "--pods", "30", "--probes", "3", "--probe-interval", "50"]
BRIEF = ["--history", "off"]


def run(out: Path, *more: str) -> int:
    return main(["run", *SMALL, "--store", "memory", "--out", str(out), *more])


def test_run_is_valid_and_writes_a_whole_results_directory(tmp_path: Path) -> None:
    out = tmp_path / "run"

    code = run(out, "--codec", "protobuf")

    results = Results.read(out)
    assert (code, own_reasons(results.verdict)) == (exit_code(results), [])
    measured = results.measurements
    assert measured.pod_startup.pod_startup.count == 3
    assert measured.pod_startup.watched_startup.count == 33
    assert measured.pod_startup.run_to_watch.count == 33
    assert set(measured.processes) == {"apiserver", "control", "nodes", "measuring"}
    assert measured.throughput.pods_per_s is not None
    assert measured.throughput.writes_per_s is not None
    assert measured.throughput.watch_events_per_s is not None
    with (out / "samples" / "pods.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 33
    assert all(row["reported_ms"] and row["running_ms"] and row["deleted_ms"] for row in rows)
    audits = [json.loads((out / "audit" / f"{n}.json").read_bytes()) for n in ("full", "empty")]
    assert [audit["counts"]["pods"] for audit in audits] == [33, 0]
    assert (out / "report.html").exists()
    assert not (out / "data").exists()


def test_run_with_every_switch_flipped_is_borne_out_and_named_so(tmp_path: Path) -> None:
    out, looking_on = tmp_path / "run", tmp_path / "kubeconfig"
    flipped = {name: switch.values[-1] for name, switch in SWITCHES.items()}
    flipped["etcd_batch"] = "off"  # it is for another store
    given = [part for name, value in flipped.items() for part in (flag(name), value)]
    crashing = ["--crash-probability", "0.5", "--crash-after", "1ms:20ms"]

    code = run(
        out,
        *("--codec", "orjson", "--watch-write", "asgi", "--heartbeat", "0.5"),
        *("--probes", "10", "--probe-interval", "100"),
        *(*given, *crashing, "--kubeconfig", str(looking_on)),
    )

    results = Results.read(out)
    assert own_reasons(results.verdict) == []
    assert code == exit_code(results)
    assert settings(results.config.switches) == flipped
    assert "-kubelet-writes-patch-heartbeat-lease-" in results.config.cell
    assert results.measurements.counters["nodes"]["pod_restarts"] > 0
    assert "http://127.0.0.1:" in looking_on.read_text(encoding="utf-8")


@pytest.mark.usefixtures("undrawn")
def test_run_whose_switch_did_nothing_is_void(tmp_path: Path) -> None:
    out = tmp_path / "run"

    code = run(out, "--codec", "json", "--heartbeat-kind", "lease", "--heartbeat", "3600", *BRIEF)

    verdict = Results.read(out).verdict
    assert (code, verdict.status) == (VOID, Status.VOID)
    assert any("nothing proves heartbeat-kind lease" in reason for reason in verdict.reasons)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("fault", "words"),
    [("forget-pod", "not in the recording"), ("forge-revision", "recorded at 1")],
)
def test_run_whose_recording_was_falsified_is_void(tmp_path: Path, fault: str, words: str) -> None:
    out = tmp_path / "run"

    code = run(out, "--codec", "json", "--fault", fault, *BRIEF)

    verdict = Results.read(out).verdict
    assert (code, verdict.status) == (VOID, Status.VOID)
    assert any("auditor disagrees" in reason and words in reason for reason in verdict.reasons)


@pytest.mark.usefixtures("undrawn")
def test_run_whose_nodes_send_a_fraction_of_their_heartbeats_is_void(tmp_path: Path) -> None:
    out = tmp_path / "run"

    # A second at least is judged: the probes alone take two.
    options = (*BRIEF, "--probe-interval", "1000")
    code = run(out, "--codec", "protobuf", "--heartbeat", "0.001", *options)

    verdict = Results.read(out).verdict
    assert (code, verdict.status) == (VOID, Status.VOID)
    assert "rate-missed" in verdict.rules
    assert any(reason.startswith("nodes missed ") for reason in verdict.reasons)
