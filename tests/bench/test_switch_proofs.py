"""Every value of every setting is borne out by the counters of a run, and void by another's."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from bench.history.report import HistoryReport
from bench.results import Config, Status
from bench.switch_proofs import BEHAVIOUR_PROOFS, PROOFS, Counters
from bench.switches import RUNNING, USUAL, settings
from bench.verdict.observations import Observations
from bench.verdict.registry import judge
from serialization.codecs.registry import CODECS

PLAIN: Final[Counters] = {
    "apiserver": {
        "cpu_attribution_ticks": 5120,
        "history_entries": 2210,
        "requests_POST_events": 255,
        "watch_opened_transport": 27,
        "watchcache_encode_hits_orjson": 202,
        "watchcache_encode_hits_protobuf": 318,
        "watchcache_encodes_orjson": 304,
        "watchcache_encodes_protobuf": 29,
        "watchcache_events_dispatched": 423,
        "watchcache_filter_calls": 423,
        "watchcache_stamped": 488,
    },
    "control": {
        "events_posted": 93,
        "history_entries": 1016,
        "informer_lists": 16,
        "informer_queries": 16,
        "informer_watches": 16,
        "informers": 16,
    },
    "nodes": {
        "events_posted": 162,
        "history_entries": 1204,
        "informers": 10,
        "kubelet_ports": 1,
        "node_watch_events": 5,
        "pod_started": 33,
        "pod_status_puts": 33,
    },
}
"""What a run of 5 nodes and 33 pods counted, everything as usual."""
FLIPPED: Final[Counters] = {
    "apiserver": {
        "store_batches": 12,
        "requests_PATCH_pods/status": 33,
        "requests_PUT_leases": 38,
        "watch_opened_asgi": 48,
        "watchcache_encodes_json": 2820,
        "watchcache_events_dispatched": 465,
        "watchcache_filter_calls": 1290,
        "watchcache_init_events": 10,
    },
    "control": {
        "informer_queries": 16,
        "informer_watches": 42,
        "informers": 42,
        "leader_terms": 1,
    },
    "nodes": {
        "heartbeat_status_patches": 1,
        "informers": 5,
        "lease_renewals": 36,
        "pod_restarts": 12,
        "pod_started": 33,
        "pod_status_patches": 57,
    },
}
"""What it counted with every switch flipped, in a json cell whose containers crash."""

CASES: Final = [(name, value) for name, values in PROOFS.items() for value in values]


def seen(name: str, value: str, counters: Counters) -> Observations:
    return Observations(
        pods_expected=33,
        pods_running=33,
        pods_left=0,
        nodes=5,
        settings={name: value},
        counters=counters,
        history=HistoryReport(),
    )


def borne_out(name: str, value: str) -> Counters:
    if name == "codec":
        return {"json": FLIPPED, "protobuf": PLAIN}.get(value, ORJSON)
    return PLAIN if Config().settings[name] == value else FLIPPED


ORJSON: Final[Counters] = {"apiserver": {"watchcache_encodes_orjson": 304}}


@pytest.mark.parametrize(("name", "value"), CASES)
def test_a_value_is_borne_out_by_a_run_that_had_it(name: str, value: str) -> None:
    verdict = judge(seen(name, value, borne_out(name, value)))

    assert verdict.reasons == []


@pytest.mark.parametrize(("name", "value"), CASES)
def test_a_value_is_void_by_the_counters_of_a_run_without_it(name: str, value: str) -> None:
    other = PLAIN if borne_out(name, value) is not PLAIN else FLIPPED

    verdict = judge(seen(name, value, other))

    assert verdict.status is Status.VOID
    (reason,) = verdict.reasons
    assert reason.startswith(f"nothing proves {name.replace('_', '-')} {value}: ")


@pytest.mark.parametrize("name", BEHAVIOUR_PROOFS)
def test_a_behaviour_is_borne_out_only_where_something_happened(name: str) -> None:
    assert judge(seen(name, "1", FLIPPED)).reasons == []
    assert judge(seen(name, "1", PLAIN)).status is Status.VOID
    assert judge(seen(name, "", PLAIN)).reasons == []


def test_every_claim_can_fail() -> None:
    fine = [
        claim
        for values in PROOFS.values()
        for claims in values.values()
        for claim in claims
        if claim.least is None and claim.most is None
    ]

    assert fine == []


def test_every_switch_and_value_has_its_proof() -> None:
    assert set(PROOFS) == {"codec", "watch_write", *settings(USUAL)}
    assert set(PROOFS["codec"]) == set(CODECS)
    assert set(BEHAVIOUR_PROOFS) <= set(settings(RUNNING))


def test_a_process_that_tells_nothing_proves_nothing() -> None:
    silent = {name: counters for name, counters in PLAIN.items() if name != "control"}

    verdict = judge(seen("events", "on", silent))

    assert verdict.reasons == ["nothing proves events on: control told no counters"]


def test_a_reason_names_the_counter_and_its_bound() -> None:
    verdict = judge(seen("watch_index", "off", PLAIN))

    assert verdict.reasons == [
        "nothing proves watch-index off: watchcache_filter_calls - watchcache_events_dispatched"
        " of apiserver is 0, not 165 or more"
    ]


def test_a_run_that_came_to_nothing_is_not_asked_for_proof() -> None:
    broken_off = replace(seen("events", "off", PLAIN), completed=False)

    assert [reason.partition(":")[0] for reason in judge(broken_off).reasons] == ["interrupted"]
