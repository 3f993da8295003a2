from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.comparing import Cell, MatrixResults
from reports.html import element, table, text
from reports.model import Config
from reports.reproduce import matrix_command, run_command
from reports.wording import counted, duration_ms, plain, round_ms, size, whole, with_unit


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (0.1234, "0.123"),
        (1, "1.00"),
        (12.34, "12.3"),
        (1234.5, "1,234"),
        (1e-5, "1.0e-05"),
    ],
)
def test_plain_keeps_three_digits(value: float, written: str) -> None:
    assert plain(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.0123, "12.3 µs"), (0.5, "0.5 ms"), (999, "999 ms"), (1500, "1.50 s"), (90_000, "1.50 min")],
)
def test_duration_takes_the_unit_that_reads_best(value: float, written: str) -> None:
    assert duration_ms(value) == written


def test_round_times_have_no_spare_digits() -> None:
    assert (round_ms(5000), round_ms(1), round_ms(30_000)) == ("5 s", "1 ms", "30 s")


def test_sizes_counts_and_units() -> None:
    assert size(1144) == "1.12 KiB"
    assert (counted(1, "round"), counted(1000, "pod")) == ("1 round", "1,000 pods")
    assert (whole(1.0), whole(13588.0), whole(2.5)) == ("1", "13,588", "2.50")
    assert with_unit(None, "ms") == "not measured"
    assert with_unit(3.0, "MiB") == "3.00 MiB"


@given(st.floats(min_value=1e-3, max_value=1e12))
def test_plain_stays_within_half_a_percent(value: float) -> None:
    assert math.isclose(float(plain(value).replace(",", "")), value, rel_tol=0.0051)


@given(st.text())
def test_text_becomes_markup_once(value: str) -> None:
    once = text(value)

    assert text(once) == once
    assert "<" not in once
    assert element("p", value) == f"<p>{once}</p>"


def test_empty_table_says_not_measured() -> None:
    assert "not measured" in table(("a", "b"), [])


def test_run_command_names_every_departure_and_nothing_usual() -> None:
    usual = Config("protobuf", "etcd3", 100, 1000, storage_codec="protobuf", rate=0.0, seed=3)
    other = Config("json", "memory", 5, 9, storage_codec="protobuf", watch_write="asgi", probes=2)

    assert run_command(usual) == (
        "kubedyno run --codec protobuf --store etcd3 --nodes 100 --pods 1000 --seed 3 --out DIR"
    )
    assert run_command(other) == (
        "kubedyno run --codec json --store memory --storage-codec protobuf --nodes 5 --pods 9 "
        "--watch-write asgi --probes 2 --out DIR"
    )


def test_matrix_command_lists_its_axes() -> None:
    cells = [
        Cell(f"{codec}-etcd3-{writes}", codec, "etcd3", "json", settings={"kubelet_writes": writes})
        for codec in ("json", "protobuf")
        for writes in ("put", "patch")
    ]
    load = Config("json", "etcd3", 100, 1000, switches={"kubelet_writes": "put", "events": "off"})

    command = matrix_command(MatrixResults(1, load, cells), 3)

    assert command == (
        "kubedyno matrix --codec json,protobuf --store etcd3 --storage-codec json"
        " --switch kubelet-writes=put,patch --rounds 3 --nodes 100 --pods 1000 --events off"
        " --out DIR"
    )


def test_cells_are_labelled_by_what_varies_and_not_by_what_they_share() -> None:
    shared = {"events": "off"}
    cells = [
        Cell("json-memory-events-off", "json", "memory", settings={**shared, "node_watch": "on"}),
        Cell("json-memory-...", "json", "memory", settings={**shared, "node_watch": "off"}),
    ]

    varied = MatrixResults(1, Config("json", "memory", 1, 1), cells)
    alone = MatrixResults(1, Config("json", "memory", 1, 1), cells[:1])

    assert [varied.label(c) for c in cells] == [
        "json-memory\nnode-watch on",
        "json-memory\nnode-watch off",
    ]
    assert varied.place(cells[1]) == "memory, node-watch off"
    assert alone.label(cells[0]) == "json-memory-events-off"
