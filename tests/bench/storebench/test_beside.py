"""Results of other commands beside a store-bench: what is taken, and under which names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.apibench.results import API_BENCH_FILE, ApiBench
from bench.apibench.results import Row as ApiRow
from bench.cli import main
from bench.commands.interface import OK, USAGE
from bench.latency import Latency
from bench.results import RESULTS_FILE, ProcessUse, Results, Status, Verdict, write_json
from bench.store_results import StoreUse
from bench.storebench.beside import TABLE, rows_beside, server_of
from bench.storebench.table import compared
from tests.bench.run_results import ENVIRONMENT, results

LATENCY = Latency(count=1, p50_ms=1.0, p90_ms=2.0, p99_ms=3.0, max_ms=4.0)


def _use(cpu_fill_s: float) -> ProcessUse:
    return ProcessUse(cpu_fill_s, 1.0, 1.0, cpu_fill_s)


def _run(kind: str, pods_per_s: float) -> Results:
    made = results()
    store = StoreUse(
        kind=kind, seconds=10.0, syncs_per_s=500.0, writes_per_s=2000.0, writes_per_sync=4.0
    )
    processes = {"apiserver-1": _use(4.0), "apiserver-2": _use(4.0), "nodes": _use(3.0)}
    if kind == "real":
        processes["etcd"] = _use(2.0)
    measured = replace(
        made.measurements,
        store=store,
        processes=processes,
        throughput=replace(made.measurements.throughput, pods_per_s=pods_per_s),
    )
    return replace(made, measurements=measured)


def _written(directory: Path, name: str, value: object) -> Path:
    directory.mkdir()
    write_json(directory / name, value)
    return directory


@pytest.mark.parametrize(
    ("kind", "store", "server"),
    [
        ("real", "etcd3-real", "etcd"),
        ("real", "etcd3", "etcd"),
        ("real", "etcd2-real3", "etcd-v2"),
        ("embedded", "etcd2", "kubedyno-etcd2-embedded"),
        ("served", "etcd2", "kubedyno-etcd2"),
        ("remote", "etcd2://a:1", "etcd2://a:1"),
    ],
)
def test_a_store_is_named_as_our_own_tables_do(kind: str, store: str, server: str) -> None:
    assert server_of(kind, store) == server


def test_a_run_that_departs_from_the_usual_is_a_cell_of_its_own(tmp_path: Path) -> None:
    usual = _run("real", 100.0)
    switches = replace(usual.config.switches, etcd_batch="on")
    joined = replace(usual, config=replace(usual.config, switches=switches, apiservers=2))
    directories = [
        _written(tmp_path / str(at), RESULTS_FILE, results)
        for at, results in enumerate((usual, joined))
    ]

    rows = rows_beside(directories)

    assert [row.round for row in rows] == [1, 1]
    assert rows[1].cell == f"{rows[0].cell} apiservers-2 etcd-batch-on"


def test_runs_are_rounds_of_their_cell_and_compared_with_the_real_store(tmp_path: Path) -> None:
    directories = [
        _written(tmp_path / f"{kind}-{at}", RESULTS_FILE, _run(kind, rate))
        for kind, rates in (("real", (100.0, 100.0)), ("embedded", (150.0, 170.0)))
        for at, rate in enumerate(rates)
    ]

    rows = rows_beside(directories)

    assert [(row.server, row.round) for row in rows] == [
        ("etcd", 1),
        ("etcd", 2),
        ("kubedyno-etcd3-embedded", 1),
        ("kubedyno-etcd3-embedded", 2),
    ]
    assert rows[0].values == {
        "per_s": 100.0,
        "writes_per_s": 2000.0,
        "syncs_per_s": 500.0,
        "writes_per_sync": 4.0,
        "server_cores": 0.8,
        "store_cores": 0.2,
        "client_cores": 0.3,
    }
    assert "store_cores" not in rows[2].values
    (found,) = compared(rows)
    assert found.ratio == pytest.approx((1.5 * 1.7) ** 0.5)


def test_a_run_that_is_void_counts_for_nothing(tmp_path: Path) -> None:
    void = replace(_run("real", 1.0), verdict=Verdict(Status.VOID, ["why"]))

    (row,) = rows_beside([_written(tmp_path / "a", RESULTS_FILE, void)])

    assert (row.invalid, row.notes) == (["why"], [])


@pytest.mark.parametrize(
    ("server", "named"),
    [
        ("own etcd3, stored as protobuf", "kubedyno-etcd3-embedded"),
        ("own etcd3-real", "etcd"),
        ("http://a:1", "http://a:1"),
    ],
)
def test_operations_of_api_bench_keep_their_figures(
    server: str, named: str, tmp_path: Path
) -> None:
    values = {"per_s": 10.0, "server_ms": 0.2, "generator_cores": 0.5, "answer_bytes": 1.0}
    row = ApiRow("create protobuf c16", 2, "create", "protobuf", 16, values, LATENCY)
    bench = ApiBench(1, "id", "now", 1.0, ENVIRONMENT, "kubedyno", server, [row], [])

    (found,) = rows_beside([_written(tmp_path / "a", API_BENCH_FILE, bench)])

    assert (found.cell, found.table) == (f"{named} create protobuf c16", TABLE)
    assert found.values == {"per_s": 10.0, "server_us": 200.0, "client_cores": 0.5}
    assert found.latency == LATENCY


def test_the_command_shows_them_in_a_table_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = _written(tmp_path / "a", RESULTS_FILE, _run("real", 100.0))

    assert main(["store-bench", "--beside", str(directory)]) == OK

    said = capsys.readouterr().out
    assert f"### {TABLE}" in said
    assert "| etcd run " in said


@pytest.mark.parametrize("text", ["", "{"])
def test_a_directory_without_readable_results_is_refused(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if text:
        (tmp_path / RESULTS_FILE).write_text(text)

    assert main(["store-bench", "--beside", str(tmp_path)]) == USAGE

    said = capsys.readouterr().err
    assert said.startswith(f"kubedyno: {tmp_path}")
    assert said.count("\n") == 1
