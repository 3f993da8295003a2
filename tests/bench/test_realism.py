from __future__ import annotations

from dataclasses import replace

import pytest

from bench.measurements.real_cluster import ABSENT, SORTS, Pace
from bench.measurements.realism import realism
from bench.observed import Observed
from bench.realism_results import Realism, RealismRow
from bench.requests import Call, Request
from bench.results import Config
from bench.scenarios.stage import Mark, PhaseRecord
from tests.bench.run_results import MS, ORIGIN, S, observed

CONFIG = Config(nodes=300, pods=600)
NODES = {
    "requests_put_leases": 300.0,
    "requests_patch_pods/status": 500.0,
    "requests_put_pods/status": 100.0,
    "requests_get_pods": 600.0,
    "requests_post_events": 1800.0,
    "requests_watch_pods": 5.0,
    "requests_watch_nodes": 5.0,
    "requests_get_frobs": 10.0,
    "informers": 600.0,
    "heartbeat_beats": 300.0,
}
CONTROL = {
    "requests_post_pods": 600.0,
    "requests_post_pods/binding": 600.0,
    "requests_post_events": 900.0,
    "requests_put_events": 100.0,
    "requests_put_leases": 3.0,
    "events_default-scheduler_posted": 600.0,
    "events_replication-controller_posted": 400.0,
    "informers": 9.0,
}


def scaled(counters: dict[str, float], factor: float) -> dict[str, float]:
    return {name: value * factor for name, value in counters.items()}


def mark(at_s: float, factor: float) -> Mark:
    counters = {"nodes": scaled(NODES, factor), "control": scaled(CONTROL, factor)}
    return Mark(ORIGIN + int(at_s * S), {}, 1, "", counters)


def seen() -> Observed:
    """Return a fill of 10 s from counters that stood at their double in the end."""
    fill = PhaseRecord("fill", mark(0, 1.0), replace_informers(mark(10, 2.0)))
    due_ns = ORIGIN + MS
    call = Call("create", "replicationcontrollers")
    request = Request(call, due_ns, due_ns, due_ns + MS, 201)
    return replace(observed(), config=CONFIG, phases=[fill], requests=[request] * 20)


def replace_informers(found: Mark) -> Mark:
    counters = {
        name: {**counted, "informers": counted["informers"] / 2}
        for name, counted in found.counters.items()
    }
    return found._replace(counters=counters)


def rows(found: Realism) -> dict[tuple[str, str], RealismRow]:
    return {(row.source, row.what): row for row in found.rows}


def test_requests_are_told_by_source_and_sort() -> None:
    found = rows(realism(seen()))

    rates = {key: row.fill_per_s for key, row in found.items() if row.fill_per_s}
    assert rates == {
        ("kubelets", "PUT leases"): 30.0,
        ("kubelets", "PUT or PATCH pods/status"): 60.0,
        ("kubelets", "GET pods"): 60.0,
        ("kubelets", "POST or PUT events"): 180.0,
        ("kubelets", "WATCH"): 1.0,
        ("kubelets", "GET frobs"): 1.0,
        ("scheduler", "POST pods/binding"): 60.0,
        ("scheduler", "POST or PUT events"): 60.0,
        ("controllers", "POST pods"): 60.0,
        ("controllers", "POST or PUT events"): 40.0,
        ("leader election", "PUT leases"): pytest.approx(0.3),
        ("measuring process", "POST replicationcontrollers"): 2.0,
    }


def test_no_request_of_a_client_is_left_out() -> None:
    found = realism(seen())

    told = sum(row.fill_per_s or 0.0 for row in found.rows if row.source != "measuring process")
    sent = sum(
        value
        for counters in (NODES, CONTROL)
        for name, value in counters.items()
        if name.startswith("requests_")
    )
    assert told * 10 == pytest.approx(sent)


def test_a_sort_that_no_real_cluster_is_known_to_send_has_no_estimate() -> None:
    found = rows(realism(seen()))

    assert found["kubelets", "GET frobs"].real_fill_per_s is None
    assert found["measuring process", "POST replicationcontrollers"].real_fill_per_s is None


def test_real_rates_grow_with_nodes_and_pods() -> None:
    found = rows(realism(seen()))

    real = {key: row.real_fill_per_s for key, row in found.items()}
    assert real["kubelets", "PUT leases"] == 30.0
    assert real["kubelets", "PUT or PATCH nodes/status"] == 1.0
    assert real["kubelets", "PUT or PATCH pods/status"] == 120.0
    assert real["kubelets", "POST or PUT events"] == 180.0
    assert real["kubelets", "POST serviceaccounts/token"] == pytest.approx(60 + 300 / 2885.6)
    assert real["kubelets", "LIST configmaps"] == 60.0
    assert real["scheduler", "POST pods/binding"] == 60.0
    assert real["leader election", "PUT leases"] == 1.0


def test_a_big_controller_s_events_are_withheld_in_a_real_cluster() -> None:
    (events,) = (
        sort for sort in SORTS if (sort.source, sort.what) == ("controllers", "POST or PUT events")
    )

    def told(*sizes: int) -> float:
        return events.estimate(Pace(1, 0, 0, 0, sum(sizes), 0, 1.0, sizes, 1))

    assert told(5, 5) == 10
    assert told(250) == 25


def test_watches_and_what_is_absent_are_told() -> None:
    found = realism(seen())

    assert (found.watches, found.real_watches) == (610, 5400)
    assert found.absent == list(ABSENT)


def test_a_phase_that_was_not_played_has_no_rates() -> None:
    found = realism(seen())

    assert {(row.steady_per_s, row.real_steady_per_s) for row in found.rows} == {(None, None)}


def test_without_counters_there_is_no_sheet() -> None:
    silent = PhaseRecord("fill", mark(0, 1)._replace(counters={}), mark(10, 2))

    assert realism(replace(seen(), phases=[silent])) == Realism()
    assert realism(replace(seen(), phases=[])) == Realism()
