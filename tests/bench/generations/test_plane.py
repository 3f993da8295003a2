"""Row g: which run each cell is, and what counts of it."""

from __future__ import annotations

import dataclasses

import pytest

from bench.generations.plane import PLANES, PlaneFailedError, config_of, found_in
from bench.generations.settings import Sizes
from bench.generations.subjects import SUBJECTS
from bench.results import Results, Status, Verdict
from bench.store_choice import real_members
from storage.registry import STORES
from tests.bench.run_results import results


def _judged(status: Status, reasons: list[str]) -> Results:
    return dataclasses.replace(results(), verdict=Verdict(status, reasons))


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("station", PLANES)
def test_cell_is_a_run_on_the_subject_s_store(station: str, subject: str) -> None:
    config = config_of(station, subject, Sizes(), 7)

    assert config.cell == f"{PLANES[station][0]}-{subject}"
    assert (config.nodes, config.pods, config.seed) == (1000, 5000, 7)
    assert subject in STORES or real_members(subject) == 1


def test_values_of_a_run_are_called_by_its_codec() -> None:
    found = found_in(_judged(Status.DEGRADED, ["noise"]), "json_")

    assert {"g_json_pods_per_s", "g_json_startup_p99_ms", "g_json_cpu_ms_per_pod"} <= set(
        found.values
    )
    assert found.notes == ["degraded: noise"]


def test_void_run_gives_nothing() -> None:
    with pytest.raises(PlaneFailedError, match="void: it burned"):
        found_in(_judged(Status.VOID, ["it burned"]), "")
