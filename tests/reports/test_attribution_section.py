from __future__ import annotations

from typing import Final

import msgspec

from reports.attribution_model import Attribution, ProcessLayers
from reports.attribution_section import UNRELIABLE, attribution_section
from tests.reports.sample_attribution import LAYERS

SAMPLE: Final = msgspec.convert(LAYERS, Attribution)


def test_layers_stand_in_the_order_of_a_request_s_way_with_the_rest_and_all_behind() -> None:
    drawn = attribution_section(SAMPLE)

    titles = ["parse", "decode", "admit", "store", "socket", "the loop and the rest", "all"]
    places = [drawn.index(f"<td>{title}</td>") for title in titles]
    assert places == sorted(places)


def test_a_layer_tells_seconds_shares_and_what_each_operation_costs() -> None:
    drawn = attribution_section(SAMPLE)

    row = drawn[drawn.index("<td>decode</td>") :].partition("</tr>")[0]
    assert "2.50 s" in row
    assert "20.8%" in row
    assert "62.5 µs a request" in row
    assert "3.12 ms" in row  # 1.25 s of the fill over 400 pods


def test_encodings_are_told_for_each_object_version() -> None:
    drawn = attribution_section(SAMPLE)

    row = drawn[drawn.index("<td>for the store</td>") :].partition("</tr>")[0]
    assert "2,010" in row
    assert "1.00" in row


def test_a_run_without_layers_says_how_to_get_them() -> None:
    assert "--attribution on" in attribution_section(Attribution())


def test_layers_that_exceed_their_process_are_said_to_be_unreliable() -> None:
    told = {"apiserver": ProcessLayers(cpu_s=10.0, rest_s=-0.4)}
    assert UNRELIABLE not in attribution_section(Attribution(processes=told))

    told = {"apiserver": ProcessLayers(cpu_s=10.0, rest_s=-0.6)}
    assert UNRELIABLE in attribution_section(Attribution(processes=told))
