"""The command line of ``kubedyno store-bench``, and whole cells through processes of their own."""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from bench.cli import INTERRUPTED, main
from bench.commands import store_bench
from bench.commands.interface import ERROR, OK, USAGE
from bench.commands.store_bench_plan import planned
from bench.latency import Latency
from bench.storebench.cells import Cell
from bench.storebench.drivers.interface import DriverError
from bench.storebench.endpoints import endpoints_of
from bench.storebench.etcd3_requests import RANGE, span_end
from bench.storebench.orchestration import PREFIX
from bench.storebench.results import Row
from bench.storebench.rules import CLIENT_BOUND
from serialization.api.etcd.rpc_pb2 import RangeRequest, RangeResponse
from tests.etcd_members import EtcdCluster
from tests.real_etcd import require_etcd, shared_etcd

__all__ = ["shared_etcd"]

SMALL = ["store-bench", "--keys", "64", "--duration", "0.3"]


@pytest.mark.parametrize(
    "wrong",
    [
        ["--op", "nonsense"],
        ["--store", "punchcards"],
        ["--store", "etcd3://nowhere"],
        ["--store", "etcd3://a:1,b"],
        ["--store", "etcd3://a:70000"],
        ["--store", "etcd3://user:secret@a:1"],
        ["--store", "zookeeper://a:1"],
        ["--store", "etcd3://a:1", "--serve"],
        ["--store", "etcd3://a:1", "--real-etcd", "1"],
        ["--serve", "--real-etcd", "1"],
        ["--real-etcd", "2"],
        ["--real-etcd", "0"],
        ["--clients", "0"],
        ["--clients", "many"],
        ["--value-size", "19"],
        ["--value-size", "100,19"],
        ["--keys", "0"],
        ["--op", "txn", "--clients", "17", "--keys", "16"],
        ["--duration", "-1"],
        ["--rate", "1e9"],
        ["--read-share", "1.5"],
        ["--rounds", "0"],
        ["--protocol-client", "telepathy"],
        ["--client-processes", "0"],
        ["--server-pid", "self"],
        ["--table", "--op", "put"],
        ["--table", "--serve"],
        ["--load", "xxl"],
        ["--store", "etcd2://nowhere"],
        ["--store", "etcd2://a:1", "--protocol-client", "raw"],
        ["--store", "etcd2://a:1", "--op", "idle-watches", "--streams", "2"],
        ["--store", "etcd2://a:1", "--check-perf"],
        ["--store", "etcd2", "--check-perf"],
        ["--store", "etcd3://a:1", "--op", "watch", "--long-polls"],
        ["--store", "memory", "--real-etcd", "1"],
        ["--op", "idle-watches", "--rate", "10"],
        ["--op", "idle-watches", "--streams", "10"],
        ["--op", "put", "--store", "etcd3://a:1", "--protocol-client", "store"],
        ["--client-processes", "2"],
        ["--connections", "2"],
        ["--server-pid", "1"],
        ["--server-pid", "1", "--serve"],
        ["--server-pid", "4194305", "--store", "etcd3://a:1"],  # the kernel gives none above 2**22
        ["--store", "etcd3://a:0"],
        ["--table", "long"],
        ["--op", "range", "--quorum"],
        ["--store", "etcd3://a:1", "--op", "range", "--quorum"],
        ["--store", "etcd2://a:1", "--op", "range", "--quorum", "--protocol-client", "store"],
    ],
)
def test_misuse_is_told_in_one_line(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store-bench", *wrong]) == USAGE

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("kubedyno: ")
    assert said.err.count("\n") == 1
    assert "secret" not in said.err


def test_a_server_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, "--store", "etcd3://127.0.0.1:1"]) == ERROR

    assert "kubedyno: 127.0.0.1:1: not connected" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("ended_by", "code", "why"),
    [(DriverError("it died"), ERROR, "it died"), (KeyboardInterrupt(), INTERRUPTED, "interrupted")],
)
def test_what_was_measured_before_a_failure_is_kept(
    ended_by: BaseException,
    code: int,
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def measure(cell: Cell, round_: int, *_: object, **__: object) -> Row:
        if cell.operation == "txn":
            raise ended_by
        row = Row(cell.name, round_, "in process", "etcd3", cell.operation, 16, 1, {}, Latency())
        return replace(row, values={"per_s": 1.0})

    monkeypatch.setattr(store_bench, "measure", measure)

    assert main(["store-bench", "--op", "put,txn,range", "--out", str(tmp_path)]) == code

    found = json.loads((tmp_path / "store-bench.json").read_bytes())
    assert [row["cell"] for row in found["rows"]] == ["etcd3 put c16"]
    assert found["skipped"] == [
        f"round 1: in process: etcd3 txn c16: {why}; what was to follow was not measured"
    ]
    assert why in (tmp_path / "report.html").read_text()


def _measured(arguments: list[str], out: Path) -> dict[str, Any]:
    assert main([*SMALL, *arguments, "--out", str(out)]) == OK
    found: dict[str, Any] = json.loads((out / "store-bench.json").read_bytes())
    assert [row["invalid"] for row in found["rows"]] == [[]] * len(found["rows"])
    return found


@pytest.mark.slow
def test_an_engine_is_loaded_in_process(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = _measured(["--op", "put,mixed", "--clients", "4", "--json"], tmp_path)

    assert json.loads(capsys.readouterr().out) == found
    assert [table["title"] for table in found["tables"]] == ["in process"]
    assert [row["cell"] for row in found["rows"]] == ["etcd3 put c4", "etcd3 mixed c4"]
    for row in found["rows"]:
        assert row["values"]["per_s"] > 0
        assert row["values"]["process_us"] > 0
        assert row["values"]["writes_per_sync"] >= 1
        assert "client_us" not in row["values"]  # client and store are one process
        assert row["latency"]["count"] == row["operations"] > 0


def _planned(*arguments: str) -> list[Cell]:
    parser = argparse.ArgumentParser()
    store_bench.configure(parser)
    return planned(parser.parse_args(arguments))


def test_operations_sizes_of_values_keys_and_callers_are_crossed() -> None:
    cells = _planned("--value-size", "100,2000", "--keys", "64,128", "--clients", "1,4")

    assert [cell.name for cell in cells] == [
        f"etcd3 put c{callers} {size}B {keys} keys"
        for size in (100, 2000)
        for keys in (64, 128)
        for callers in (1, 4)
    ]
    assert [(cell.value_bytes, cell.keys) for cell in cells[::2]] == [
        (100, 64),
        (100, 128),
        (2000, 64),
        (2000, 128),
    ]
    assert len(_planned("--op", "idle-watches", "--clients", "1,4")) == 1


def test_only_reads_are_named_by_how_they_are_ordered() -> None:
    cells = _planned("--store", "etcd2", "--op", "put,range,mixed", "--quorum")

    assert [cell.name for cell in cells] == [
        "etcd2 put c16",
        "etcd2 range quorum c16",
        "etcd2 mixed quorum c16",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("target", [[], ["--real-etcd", "1"]])
def test_reads_of_etcd2_may_go_through_its_log(target: list[str], tmp_path: Path) -> None:
    if "--real-etcd" in target:
        require_etcd()

    (row,) = _measured(["--store", "etcd2", *target, "--op", "range", "--quorum"], tmp_path)["rows"]

    assert row["cell"].endswith("range quorum c16")
    assert row["values"]["per_s"] > 0
    assert (tmp_path / "figures" / "store_rates.svg").exists()


@pytest.mark.slow
def test_a_store_without_syncs_tells_of_none(tmp_path: Path) -> None:
    (row,) = _measured(["--store", "memory", "--op", "txn", "--rate", "200"], tmp_path)["rows"]

    assert "syncs_per_s" not in row["values"]
    assert row["cell"] == "memory txn c16 200/s"
    assert not any(note.startswith(CLIENT_BOUND) for note in row["notes"])  # others: a busy machine


@pytest.mark.slow
@pytest.mark.parametrize(
    "target",
    [
        ["--serve", "--store", "memory"],
        ["--real-etcd", "1"],
        ["--real-etcd", "1", "--store", "etcd2"],
    ],
)
def test_a_served_store_is_loaded_by_processes_of_their_own(
    target: list[str], tmp_path: Path
) -> None:
    if target[0] == "--real-etcd":
        require_etcd()

    (row,) = _measured(
        [*target, "--op", "put", "--client-processes", "2", "--value-size", "100"], tmp_path
    )["rows"]

    assert row["processes"] == 2
    assert row["values"]["client_us"] > 0
    assert row["values"]["server_us"] > 0
    assert ("syncs_per_s" in row["values"]) == (target[0] == "--real-etcd")
    assert row["table"] == "over the protocol, wire client"


@pytest.mark.slow
@pytest.mark.parametrize(
    "target",
    [
        ["--store", "memory"],
        ["--serve", "--store", "memory"],
        ["--store", "etcd2", "--real-etcd", "1"],
        ["--store", "etcd2", "--serve", "--long-polls"],
        ["--store", "etcd2"],
    ],
)
def test_every_event_reaches_every_watch(target: list[str], tmp_path: Path) -> None:
    if "--real-etcd" in target:
        require_etcd()
    watch = ["--op", "watch", "--watchers", "5", "--clients", "1", "--rate", "50"]
    (row,) = _measured([*target, *watch], tmp_path)["rows"]  # events that differ would be invalid

    assert row["operations"] > 0
    assert row["latency"]["p50_ms"] > 0
    assert row["values"]["writes_per_s"] > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "target",
    [
        ["--store", "memory"],
        ["--serve", "--store", "memory"],
        ["--serve", "--store", "etcd2"],
    ],
)
def test_idle_watches_are_weighed(target: list[str], tmp_path: Path) -> None:
    idle = ["--op", "idle-watches", "--watchers", "200"]
    streams = ["--streams", "2"] if target == ["--serve", "--store", "memory"] else []
    (row,) = _measured([*target, *idle, *streams], tmp_path)["rows"]

    assert row["operations"] == 200
    assert row["cell"].endswith("200 on 2 streams" if streams else "idle-watches 200")
    assert row["values"]["anon_after_mib"] >= row["values"]["anon_before_mib"] > 0
    assert row["values"]["kib_per_watch"] >= 0


async def _keys_of(url: str) -> list[bytes]:
    """Return what is there under the prefix of the benchmark's keys."""
    async with grpc.aio.insecure_channel(endpoints_of(url)[0]) as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(RANGE)
        prefix = PREFIX.encode()
        request = RangeRequest(key=prefix, range_end=span_end(prefix), keys_only=True)
        found = RangeResponse.FromString(await call(request.SerializeToString()))
        return [each.key for each in found.kvs]


@pytest.mark.slow
def test_another_s_server_is_left_as_it_was(tmp_path: Path, shared_etcd: EtcdCluster) -> None:
    (row,) = _measured(["--store", shared_etcd.url, "--op", "txn", "--clients", "2"], tmp_path)[
        "rows"
    ]

    assert asyncio.run(_keys_of(shared_etcd.url)) == []
    assert any("--server-pid" in note for note in row["notes"])
    assert row["values"]["syncs_per_s"] > 0  # it tells of them on /metrics
