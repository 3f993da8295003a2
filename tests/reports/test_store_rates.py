"""The figure of store-bench: which cells it draws, and as what."""

from __future__ import annotations

import dataclasses

import pytest

from reports.figures.canvas import house_style
from reports.figures.store_rates import OTHERS, draw, generation, has_rates, panels_of
from tests.reports.sample_store_bench import sample_store_bench


def test_a_panel_is_an_operation_and_a_line_a_server() -> None:
    inside, over = (panels_of(table) for table in sample_store_bench().tables)

    assert {operation: sorted(lines) for operation, lines in inside.items()} == {
        "put": ["etcd2", "etcd3"],
        "range": ["etcd2", "etcd3"],
    }
    assert list(over) == ["put"]  # paced cells, watches and what was not measured are left out
    assert sorted(point.callers for point in over["put"]["etcd"]) == [1, 64]


@pytest.mark.parametrize(
    ("server", "engine", "real"),
    [
        ("etcd", "etcd3", True),
        ("etcd-3-members", "etcd3", True),
        ("etcd-v2", "etcd2", True),
        ("etcd2://a:1,b:2", "etcd2", True),
        ("etcd3://a:1", "etcd3", True),
        ("kubedyno-etcd2", "etcd2", False),
        ("kubedyno-etcd3", "etcd3", False),
        ("etcd2", "etcd2", False),
        ("etcd3", "etcd3", False),
        ("memory", "memory", False),
    ],
)
def test_a_server_s_name_tells_its_generation_and_whether_it_is_ours(
    server: str, engine: str, real: bool
) -> None:
    assert generation(server) == engine
    assert bool(OTHERS.fullmatch(server)) == real


def test_panels_of_a_row_share_the_sheet_and_the_rest_of_it_is_empty() -> None:
    run = sample_store_bench()

    with house_style():
        drawing = draw(run)
        assert drawing is not None
        drawing.figure.draw_without_rendering()

    shown = [axes.get_title(loc="left") for axes in drawing.figure.axes if axes.get_visible()]
    assert shown == ["in process: put", "range", "over the protocol, wire client: put"]
    assert has_rates(run)
    assert not has_rates(dataclasses.replace(run, tables=run.tables[:0]))
