"""The waterfall of a real run, held against what other parts measured of the same pods."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path

import pytest

from bench.cli import main
from bench.results import Results
from tests.bench.busy_machine import own_reasons

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LOAD = ["--nodes", "5", "--pods", "40", "--probes", "8", "--probe-interval", "40"]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def played(out: Path, *more: str) -> Results:
    main(["run", *LOAD, "--store", "memory", "--out", str(out), *more])
    return Results.read(out)


def assert_in_order(*stamps_ms: float) -> None:
    """Hold stamps of one clock against each other: how far apart they are is the machine's."""
    rounding_ms = 0.002
    assert all(earlier <= later + rounding_ms for earlier, later in pairwise(stamps_ms)), stamps_ms


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a run that kept its history; nobody looks at its report."""
    directory = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("bench.commands.run.draw", lambda _: directory)
        played(directory)
    return directory


def test_waterfall_agrees_with_the_probes_startup_and_the_recording(usual: Path) -> None:
    results = Results.read(usual)

    found = results.measurements.waterfall
    assert [(phase.phase, phase.pods) for phase in found.phases] == [("fill", 40), ("steady", 8)]
    assert found.incomplete == 0
    samples = usual / "samples"
    ways = {row["name"]: row for row in rows(samples / "waterfall.csv")}
    pods = rows(samples / "pods.csv")
    late_ms = {
        row["t_ms"]: float(row["late_ms"])
        for row in rows(samples / "requests.csv")
        if (row["verb"], row["resource"]) == ("create", "pods")
    }
    assert len(ways) == len(pods) == 48
    for pod in pods:
        way = ways[pod["name"]]
        assert way["watch_saw_ms"] == pod["running_ms"]
        assert way["node"] == pod["node"]
        assert_in_order(
            *(float(way["kubelet_saw_ms"]), float(pod["reported_ms"])),
            *(float(way["status_sent_ms"]), float(way["status_stored_ms"])),
        )
    for pod in (pod for pod in pods if pod["source"] == "probe"):
        way = ways[pod["name"]]
        # The one counts from when the create was due, the other from when it was sent.
        sent_ms = float(pod["intended_ms"]) + late_ms[pod["intended_ms"]]
        assert_in_order(sent_ms, float(way["created_ms"]), float(way["create_stored_ms"]))


def test_clients_and_server_counted_the_same_requests(usual: Path) -> None:
    counters = Results.read(usual).measurements.counters

    for request, measuring in (
        ("put_pods/status", 0),
        ("post_pods/binding", 0),
        ("delete_pods", 8),
    ):
        verb, resource = request.split("_")
        sent = sum(counters[name].get(f"requests_{request}", 0) for name in ("nodes", "control"))
        assert sent + measuring == counters["apiserver"][f"requests_{verb.upper()}_{resource}"]


def test_without_a_history_there_is_none_and_the_report_says_so(tmp_path: Path) -> None:
    results = played(tmp_path, "--history", "off")

    assert (results.history, results.config.cell) == (None, "protobuf-memory-history-off")
    assert own_reasons(results.verdict) == []
    assert not (tmp_path / "history").exists()
    assert results.measurements.waterfall.phases == []
    assert not (tmp_path / "samples" / "waterfall.csv").exists()
    assert "--history on" in (tmp_path / "report.html").read_text(encoding="utf-8")
