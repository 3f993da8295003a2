from __future__ import annotations

import msgspec

from reports.load_model import Load
from reports.load_section import load_section
from tests.reports.markup import PageReader
from tests.reports.sample_load import LOAD


def test_section_tells_rates_cores_and_stalls() -> None:
    text = PageReader(load_section(msgspec.convert(LOAD, Load))).text

    for words in (
        "5.00 /s",
        "4.75 /s",
        "heartbeats",
        "1.25",
        "1.2%",
        "2.05 s",
        "61.0 ms",
        "9.50 s",
    ):
        assert words in text
    assert "25 times: p50 0.2 ms" in text


def test_section_of_a_run_that_measured_no_load_says_so() -> None:
    page = PageReader(load_section(Load()))

    assert page.text.count("not measured") == 3
    assert "Nobody asked whether the API server answers." in page.text
