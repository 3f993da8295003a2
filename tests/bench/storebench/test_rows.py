"""Outcomes of loading processes and readings of the server, as the figures of a row."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.apibench.generator import histogram_of
from bench.storebench.cells import Cell
from bench.storebench.rows import UNTOLD_PIDS, Window, idle_row, row_of
from bench.storebench.settings import Outcome

MS = 1_000_000
PUT = Cell("etcd3-wire", "etcd", "put", 4)
OUTCOME = Outcome(
    operations=100,
    window_s=2.0,
    cpu_s=0.5,
    histogram=histogram_of([MS, 2 * MS]).encode(),
    failures={},
    writes=100,
    writes_total=150,
    revisions=150,
)


def _row(
    counters: dict[str, float], cell: Cell = PUT, outcome: Outcome = OUTCOME
) -> dict[str, float]:
    window = Window(2.0, 1.0, counters, moved=300)
    return row_of(cell, 1, [outcome, outcome], window).values


def test_rates_and_cpu_of_both_sides_are_told_apart() -> None:
    assert _row({}) == {
        "per_s": 100.0,
        "client_us": 5000.0,
        "client_cores": 0.5,
        "server_us": 5000.0,
        "server_cores": 0.5,
    }


@pytest.mark.parametrize(
    ("machine_s", "others", "idle", "noted"),
    [(2.0, 0.0, 1.0, 0), (2.4, 0.2, 0.8, 0), (3.0, 0.5, 0.5, 1), (4.1, 1.05, 0.0, 1)],
)
def test_what_others_took_of_the_machine_is_told(
    machine_s: float, others: float, idle: float, noted: int
) -> None:
    window = Window(2.0, 1.0, {}, moved=300, machine_s=machine_s, cores=2)

    row = row_of(PUT, 1, [replace(OUTCOME, cpu_s=0.5), replace(OUTCOME, cpu_s=0.5)], window)

    assert (row.values["server_cores"], row.values["client_cores"]) == (0.5, 0.5)
    assert row.values["others_cores"] == pytest.approx(others)
    assert row.values["idle_cores"] == pytest.approx(idle)
    assert sum(note.startswith("others took") for note in row.notes) == noted


def test_what_others_took_is_not_told_where_the_server_s_part_is_not() -> None:
    row = row_of(PUT, 1, [OUTCOME], Window(2.0, None, {}, moved=150, machine_s=3.0, cores=2))

    assert "others_cores" not in row.values
    assert row.notes == [UNTOLD_PIDS]


@pytest.mark.parametrize(
    ("counters", "told"),
    [
        ({"syncs": 50.0}, {"syncs_per_s": 25.0, "writes_per_sync": 4.0}),
        # a tally of its own is of one moment, though an older one: the ratio is what it is for
        ({"syncs": 30.0, "writes": 150.0}, {"syncs_per_s": 20.0, "writes_per_sync": 5.0}),
        (
            {"syncs": 50.0, "backend_syncs": 20.0},
            {"syncs_per_s": 25.0, "writes_per_sync": 4.0, "backend_syncs_per_s": 10.0},
        ),
        ({"syncs": 0.0}, {}),
    ],
)
def test_syncs_are_told_with_the_writes_that_one_made_durable(
    counters: dict[str, float], told: dict[str, float]
) -> None:
    values = _row(counters)

    assert {name: each for name, each in values.items() if "sync" in name} == told


def test_latencies_of_all_processes_are_in_one_histogram() -> None:
    row = row_of(PUT, 1, [OUTCOME, OUTCOME], Window(2.0, 1.0, {}, moved=300))

    assert row.latency.count == 4
    assert row.latency.max_ms == pytest.approx(2.0, rel=1e-3)
    assert (row.operations, row.processes, row.invalid, row.notes) == (200, 2, [], [])


def test_counts_that_differ_from_the_store_s_make_the_row_invalid() -> None:
    row = row_of(PUT, 1, [OUTCOME], Window(2.0, 1.0, {}, moved=149))

    assert len(row.invalid) == 1
    assert row.invalid[0].startswith("counts differ: 150")


def test_in_process_there_is_one_process_and_its_own_counters() -> None:
    cell = Cell("engine", "etcd3", "put", 4)
    outcome = replace(OUTCOME, counters={"syncs": 25.0, "writes": 100.0})

    row = row_of(cell, 1, [outcome], Window(2.0, None, {}))

    assert row.values == {
        "per_s": 50.0,
        "process_us": 5000.0,
        "process_cores": 0.25,
        "syncs_per_s": 12.5,
        "writes_per_sync": 4.0,
    }
    assert row.notes == []


def test_a_server_of_which_nobody_named_the_process_is_told() -> None:
    row = row_of(PUT, 1, [OUTCOME], Window(2.0, None, {}, moved=150))

    assert row.notes == [UNTOLD_PIDS]
    assert "server_us" not in row.values


def test_of_a_watch_events_are_counted_and_timed() -> None:
    cell = Cell("etcd3-wire", "etcd", "watch", 1, keys=50, watchers=3)
    writing = OUTCOME
    watching = replace(
        OUTCOME,
        operations=0,
        writes=0,
        writes_total=0,
        heard=290,
        heard_total=300,
        heard_histogram=histogram_of([5 * MS]).encode(),
    )

    row = row_of(cell, 1, [writing, watching], Window(2.0, 1.0, {}, moved=150))

    assert row.invalid == []
    assert (row.operations, row.values["per_s"], row.values["writes_per_s"]) == (290, 145.0, 50.0)
    assert row.latency.max_ms == pytest.approx(5.0, rel=1e-3)
    assert row.values["write_p99_ms"] == pytest.approx(2.0, rel=1e-3)


def test_idle_watches_cost_what_the_server_s_memory_grew() -> None:
    cell = Cell("etcd3-wire", "etcd", "idle-watches", 1, watchers=1024, streams=4)
    outcome = replace(OUTCOME, operations=1024, window_s=2.0, told={})

    row = idle_row(cell, 1, outcome, 10.0, 12.0)

    assert row.cell == "etcd idle-watches 1024 on 4 streams"
    assert row.values == {
        "opened_per_s": 512.0,
        "anon_before_mib": 10.0,
        "anon_after_mib": 12.0,
        "kib_per_watch": 2.0,
    }
    assert idle_row(cell, 1, outcome, None, None).notes == [UNTOLD_PIDS]
