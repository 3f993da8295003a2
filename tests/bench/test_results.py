from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.results import (
    Config,
    Results,
    Status,
    UnreadableResultsError,
    Verdict,
    read_json,
    write_json,
)
from bench.samples import write_samples
from bench.switches import PodBehaviour, Switches
from tests.bench.run_results import observed, results


def test_results_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    written = results(verdict=Verdict(Status.DEGRADED, ["the generator sent late"]))

    written.write(tmp_path)

    assert Results.read(tmp_path) == written


def test_results_of_another_schema_are_refused(tmp_path: Path) -> None:
    replace(results(), schema_version=999).write(tmp_path)

    with pytest.raises(UnreadableResultsError, match="schema version 999"):
        Results.read(tmp_path)


@pytest.mark.parametrize("text", ["", "{", '{"schema_version": "one"}', "[]"])
def test_torn_results_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "results.json").write_text(text, encoding="utf-8")

    with pytest.raises(UnreadableResultsError):
        Results.read(tmp_path)


def test_missing_results_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableResultsError):
        Results.read(tmp_path)


def test_absent_numbers_are_null(tmp_path: Path) -> None:
    path = write_json(tmp_path / "x.json", replace(results().measurements.lateness, p50_ms=None))

    assert '"p50_ms": null' in path.read_text(encoding="utf-8")


def test_a_config_may_name_only_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"nodes": 3, "codec": "json"}', encoding="utf-8")

    assert read_json(path, Config) == Config(nodes=3, codec="json")


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (Config(), "protobuf-etcd3"),
        (Config(codec="json", store="memory", storage_codec="json"), "json-memory"),
        (Config(storage_codec="json"), "protobuf-etcd3-stored-json"),
        (Config(watch_write="asgi", heartbeat_s=1.5), "protobuf-etcd3-watch-asgi-heartbeat-1.5s"),
        (Config(store="etcd3://a:1,b:2"), "protobuf-etcd3-a-1+b-2"),
        (
            Config(switches=Switches(kubelet_writes="patch", heartbeat_kind="lease")),
            "protobuf-etcd3-kubelet-writes-patch-heartbeat-lease",
        ),
        (
            Config(switches=Switches(events="off", watch_index="off", leader_elect="on")),
            "protobuf-etcd3-watch-index-off-leader-elect-on-events-off",
        ),
        (
            Config(behaviour=PodBehaviour(crash_probability="0.1", crash_after="1s:5s")),
            "protobuf-etcd3-crash-probability-0.1-crash-after-1s-5s",
        ),
    ],
)
def test_a_cell_is_named_by_every_departure(config: Config, name: str) -> None:
    assert config.cell == name


def test_samples_lie_beside_the_results_in_ms_since_the_origin(tmp_path: Path) -> None:
    write_samples(observed(), tmp_path)

    pods = (tmp_path / "samples" / "pods.csv").read_text(encoding="utf-8").splitlines()
    requests = (tmp_path / "samples" / "requests.csv").read_text(encoding="utf-8").splitlines()
    assert pods[1] == "rc,load-1,pod-a,a,hollow-node-0,,10.0,20.0,45.0,50.0,9000.0,7"
    assert pods[4].startswith("probe,load-1,pod-p,p,hollow-node-0,5000.0,5004.0")
    assert requests[1] == "0.0,create,pods,resource,201,12.0,2.0"
    assert (tmp_path / "samples" / "histograms.json").exists()
