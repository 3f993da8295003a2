from __future__ import annotations

import msgspec
import pytest

from reports.figures.waterfall import ways
from reports.waterfall_model import Stage, Waterfall, WaterfallPhase
from reports.waterfall_section import waterfall_section
from tests.reports.markup import PageReader
from tests.reports.sample_waterfall import WATERFALL, phase

SAMPLE = msgspec.convert(WATERFALL, Waterfall)


def test_section_tells_every_stage_of_every_phase_and_the_sum() -> None:
    text = PageReader(waterfall_section(SAMPLE)).text

    for words in ("400 pods of the fill phase", "25 pods of the steady phase", "40.0 ms", "73%"):
        assert words in text
    assert "55.0 ms 100%" in text
    assert "99.0% load-1/rc-00001-0.99 hollow-node-3" in text
    assert "2 pods did not come to the end of their way." in text


def test_section_without_a_history_says_what_it_takes() -> None:
    text = PageReader(waterfall_section(Waterfall())).text

    assert text == "not measured: it is put together from the history (--history on)"


def test_a_stage_that_is_not_known_is_shown_by_its_name() -> None:
    odd = Waterfall([WaterfallPhase("fill", 1, [Stage("detour", 1.0)], total_mean_ms=1.0)])

    assert "detour" in PageReader(waterfall_section(odd)).text


def test_figure_lays_medians_and_the_pod_at_the_99th_percentile_end_to_end() -> None:
    medians, slow = ways(SAMPLE.phases[0])

    assert [stage for stage, _ in medians.stages_ms] == [
        s["name"] for s in phase("", 1, 1)["stages"]
    ]
    assert medians.total_ms == pytest.approx(55.0 * 0.8)
    assert slow.total_ms == pytest.approx(55.0 * 4)
