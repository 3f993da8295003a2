"""The closing table: cells, tables apart, comparisons by round, and its text and page."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from bench.commands.store_bench_summary import lines_of
from bench.environment import describe_environment
from bench.latency import Latency
from bench.results import write_json
from bench.storebench.drivers.engines import ENGINES
from bench.storebench.drivers.registry import DRIVERS, IN_PROCESS
from bench.storebench.operations import IDLE
from bench.storebench.results import (
    SCHEMA_VERSION,
    STORE_BENCH_FILE,
    Comparison,
    Row,
    StoreBench,
)
from bench.storebench.servers import OURS_V2, REAL_V2, SERVERS
from bench.storebench.table import RATIOS, aims, compared, order_of, table_cells, tables_of
from reports.render import render

INSIDE, OVER = "in process", "over the protocol, wire client"


def _row(
    server: str, round_: int, per_s: float, *, table: str = OVER, invalid: bool = False
) -> Row:
    return Row(
        cell=f"{server} put c64",
        round=round_,
        table=table,
        server=server,
        operation="put",
        clients=64,
        processes=1,
        values={"per_s": per_s, "server_us": 50.0} if table == OVER else {"per_s": per_s},
        latency=Latency(count=1, p50_ms=1.0, p90_ms=2.0, p99_ms=9.0, max_ms=10.0),
        invalid=["because"] if invalid else [],
        notes=["client-bound: 0.95 of one core"] if server == "etcd" and round_ == 1 else [],
    )


ROWS = [
    _row("etcd", 2, 10_000.0),
    _row("kubedyno-etcd3", 1, 4_000.0),
    _row("etcd", 1, 8_000.0),
    _row("kubedyno-etcd3", 2, 5_000.0),
    _row("etcd3", 1, 40_000.0, table=INSIDE),
    _row("etcd", 3, 1.0, invalid=True),
    _row("kubedyno-etcd3", 3, 1.0),
]
ORDER = [(INSIDE, "etcd3 put c64"), (OVER, "kubedyno-etcd3 put c64"), (OVER, "etcd put c64")]


def _results() -> StoreBench:
    return StoreBench(
        schema_version=SCHEMA_VERSION,
        run_id="store-bench-sample",
        started="2026-01-02T03:04:05+00:00",
        duration_s=12.0,
        environment=describe_environment(),
        command="kubedyno store-bench --table",
        rows=ROWS,
        tables=tables_of(ROWS, ORDER, aims()),
        skipped=["check perf: there is no program"],
    )


def test_every_cell_of_the_table_can_be_done_and_has_a_name_of_its_own() -> None:
    cells = table_cells()

    names = [(DRIVERS[cell.driver].table, cell.name) for cell in cells]
    assert len(set(names)) == len(names)
    for cell in cells:
        known = ENGINES if DRIVERS[cell.driver].place == IN_PROCESS else SERVERS
        assert cell.server in known
    assert {cell.duration_s for cell in table_cells(0.5)} == {0.5}


def test_every_aim_is_for_a_cell_of_the_table() -> None:
    assert {aim.cell for aim in aims()} <= {cell.name for cell in table_cells()}


def test_the_short_table_is_a_part_of_the_whole_one() -> None:
    short = {(cell.driver, cell.name) for cell in table_cells(short=True)}
    whole = {(cell.driver, cell.name) for cell in table_cells()}

    assert short < whole
    assert len(short) < 40  # five seconds each, and rounds
    for what, over in RATIOS:
        if over == REAL_V2:
            assert {f"{over} {what}", f"{OURS_V2} {what}"} <= {name for _, name in short}


def test_tables_stand_apart_in_the_order_of_their_cells() -> None:
    tables = tables_of(ROWS, ORDER)

    assert [(table.title, [line.cell for line in table.lines]) for table in tables] == [
        (INSIDE, ["etcd3 put c64"]),
        (OVER, ["kubedyno-etcd3 put c64", "etcd put c64"]),
    ]


def test_cells_of_one_name_stand_in_the_order_of_their_own_table() -> None:
    cells = table_cells()
    rows = [
        replace(_row(cell.server, 1, 1.0, table=DRIVERS[cell.driver].table), cell=cell.name)
        for cell in reversed(cells)
    ]

    tables = tables_of(rows, order_of(cells))

    found = [(table.title, line.cell) for table in tables for line in table.lines]
    assert found == order_of(cells)


def test_what_is_measured_otherwise_has_a_table_of_its_own() -> None:
    idle = replace(_row("etcd", 1, 1.0), operation=IDLE, cell="idle")

    titles = [table.title for table in tables_of([*ROWS, idle], ORDER)]

    assert titles == [INSIDE, OVER, f"{OVER}: watches where nothing happens"]


def test_ours_is_compared_with_the_real_one_round_by_round() -> None:
    (found,) = compared(ROWS)

    assert (found.what, found.server, found.over) == ("put c64", "kubedyno-etcd3", "etcd")
    assert found.ratio == pytest.approx(0.5)  # the third round has nothing valid to compare with
    assert found.rounds == 2


def test_the_generations_are_compared_with_each_other_and_each_with_its_own_real_one() -> None:
    rates = {"etcd": 8000.0, "etcd-v2": 4000.0, "kubedyno-etcd3": 6000.0, "kubedyno-etcd2": 3000.0}

    found = compared([_row(server, 1, rate) for server, rate in rates.items()])

    assert {(each.server, each.over): (round(each.ratio, 9), each.at_least) for each in found} == {
        ("etcd-v2", "etcd"): (0.5, None),
        ("kubedyno-etcd3", "etcd"): (0.75, None),
        ("kubedyno-etcd2", "etcd-v2"): (0.75, 0.5),
        ("kubedyno-etcd2", "kubedyno-etcd3"): (0.5, None),
    }


def test_rates_that_were_asked_for_are_not_compared() -> None:
    assert compared([replace(row, rate=200.0) for row in ROWS]) == []


def test_reads_through_the_log_are_compared_with_those_that_are_linearizable_anyway() -> None:
    reads = {"etcd": "range c64", "etcd-v2": "range quorum c64", "kubedyno-etcd2": "range c64"}
    rows = [
        replace(_row(server, 1, 1000.0), cell=f"{server} {what}") for server, what in reads.items()
    ]

    assert [(each.what, each.server, each.over) for each in compared(rows)] == [
        ("range quorum c64", "etcd-v2", "etcd"),
    ]


def test_a_single_round_is_compared_without_an_interval() -> None:
    (found,) = compared([row for row in ROWS if row.round == 1])

    assert found == Comparison("put c64", "kubedyno-etcd3", "etcd", found.ratio, None, None, 1)
    assert found.ratio == pytest.approx(0.5)


def test_nothing_is_compared_across_places_or_with_oneself() -> None:
    assert compared([row for row in ROWS if row.server != "etcd"]) == []
    assert compared([row for row in ROWS if row.server == "etcd"]) == []


def test_the_summary_is_markdown_a_table_a_place() -> None:
    said = list(lines_of(_results()))

    assert [line for line in said if line.startswith("###")] == [f"### {INSIDE}", f"### {OVER}"]
    grids = [line for line in said if line.startswith("|")]
    assert {line.count("|") for line in grids[:3]} == {grids[0].count("|")}
    assert re.fullmatch(r"\|-+\|(-+:\|)+", grids[1])
    assert len({len(line) for line in grids[:3]}) == 1
    assert "server CPU us" not in grids[0]  # what nobody in a table has is no column of it
    assert any("9,000 (8,000-10,000)" in line for line in grids)
    assert "- aim etcd3 put c64, per_s >= 20000: 40,000, met" in said
    assert "- aim etcd3 put c64, p99_ms <= 8: 9, missed" in said
    assert "- INVALID etcd put c64, round 3: because" in said
    assert "- etcd put c64, round 1: client-bound: 0.95 of one core" in said
    assert any(line.startswith("- put c64: kubedyno-etcd3 / etcd = 0.50 (") for line in said)
    assert said[-1] == "skipped: check perf: there is no program"


def test_the_page_tells_what_the_summary_tells(tmp_path: Path) -> None:
    write_json(tmp_path / STORE_BENCH_FILE, _results())

    page = render(tmp_path).read_text()

    for said in (
        "In process",
        "Over the protocol, wire client",
        '9,000\n<span class="range">8,000-10,000</span>',
        "1 of 2",
    ):
        assert said in page
    for said in ("kubedyno-etcd3 / etcd", "client-bound", "round 3: because", "no program"):
        assert said in page
