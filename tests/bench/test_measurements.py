from __future__ import annotations

from dataclasses import replace

import pytest

from bench.latency import Latency
from bench.measurements.exposition import bucket_quantile, parse
from bench.measurements.histogram import LatencyHistogram
from bench.measurements.registry import histograms, measure
from bench.service_levels import service_levels
from tests.bench.run_results import MS, ORIGIN, observed


def test_pods_per_s_counts_the_fill_from_first_intended_create_to_last_receipt() -> None:
    throughput = measure(observed()).throughput

    assert throughput.pods_per_s == pytest.approx(3 / 2.0)


def test_writes_and_watch_events_are_those_between_the_marks_of_the_fill() -> None:
    throughput = measure(observed()).throughput

    assert throughput.writes_per_s == pytest.approx(40 / 4)
    assert throughput.watch_events_per_s == pytest.approx(400 / 4)


def test_deletes_per_s_counts_from_the_begin_of_the_delete_phase() -> None:
    assert measure(observed()).throughput.deletes_per_s == pytest.approx(4 / 1.0)


def test_a_phase_that_was_not_ended_has_no_rates() -> None:
    whole = observed()
    fill = replace(whole.phases[0], end=None)

    throughput = measure(replace(whole, phases=[fill])).throughput

    assert throughput.writes_per_s is None
    assert throughput.deletes_per_s is None


def test_startup_of_probes_counts_from_the_intended_create() -> None:
    startup = measure(observed()).pod_startup

    assert startup.pod_startup.count == 1
    assert startup.pod_startup.max_ms == pytest.approx(10.0, rel=0.01)
    assert startup.watched_startup.count == 4
    assert startup.watched_startup.max_ms == pytest.approx(1980.0, rel=0.01)


def test_steps_that_need_the_kubelet_s_stamp_count_the_pods_that_have_one() -> None:
    startup = measure(observed()).pod_startup

    assert startup.schedule_to_watch.count == 4
    assert startup.run_to_watch.count == startup.schedule_to_run.count == 3
    assert startup.run_to_watch.max_ms == pytest.approx(55.0, rel=0.01)
    assert startup.schedule_to_run.max_ms == pytest.approx(25.0, rel=0.01)


def test_a_report_before_the_binding_was_heard_of_counts_as_the_shortest_time() -> None:
    startup = measure(replace(observed(), reported={"b": ORIGIN + 25 * MS})).pod_startup

    assert startup.schedule_to_run == Latency(1, 0.001, 0.001, 0.001, 0.001)


def test_without_stamps_the_steps_that_need_them_are_null() -> None:
    startup = measure(replace(observed(), reported={})).pod_startup

    assert startup.run_to_watch == startup.schedule_to_run == Latency()
    assert startup.schedule_to_watch.count == 4


def test_a_pod_first_seen_in_a_list_has_no_startup() -> None:
    whole = observed()
    whole.records[0].from_list = True

    assert measure(whole).pod_startup.watched_startup.count == 3


def test_client_latency_counts_from_due_and_leaves_failures_out() -> None:
    row = measure(observed()).api_latency[0]

    assert (row.source, row.verb, row.count) == ("client", "create", 1)
    assert row.max_ms == pytest.approx(12.0, rel=0.01)


def test_server_latency_is_what_came_within_the_phases() -> None:
    row = measure(observed()).api_latency[1]

    assert (row.source, row.verb, row.resource, row.count) == ("apiserver", "create", "pods", 90)
    assert row.p50_ms == pytest.approx(5.0)
    assert row.p90_ms == pytest.approx(25.0)


def test_cpu_is_from_the_first_mark_to_the_last_and_memory_up_to_the_first_audit() -> None:
    use = measure(observed()).processes["apiserver"]

    assert use.cpu_s == pytest.approx(3.0)
    assert use.cpu_fill_s == pytest.approx(2.0)
    assert use.anon_max_mib == 22.0
    assert (use.gc_max_ms, use.lag_p99_ms, use.lag_max_ms) == (9.5, 3.0, 8.0)


def test_bytes_are_the_measuring_process_s_and_the_counters_of_all() -> None:
    found = measure(observed()).bytes

    assert found.wire == {"measuring.sent": 99, "apiserver.bytes_received": 1234}
    assert found.per_object == {
        "pod.protobuf": 1144.0,
        "store.logical": 900.0,
        "store.disk": 2000.0,
    }


def test_lateness_counts_every_request_that_had_a_schedule() -> None:
    whole = observed()
    whole.requests.append(whole.requests[0]._replace(scheduled=False))

    lateness = measure(whole).lateness

    assert lateness.count == 2
    assert lateness.max_ms == pytest.approx(2.0, rel=0.01)


def test_a_level_is_missed_above_its_target_and_absent_without_a_measurement() -> None:
    measured = measure(observed())

    levels = service_levels(measured)
    slow = replace(
        measured,
        pod_startup=replace(measured.pod_startup, pod_startup=Latency(1, 6e3, 6e3, 6e3, 6e3)),
    )

    assert levels["pod_startup_p99"].met
    assert levels["mutating_p99"].met
    assert "cluster_list_p99" not in levels
    assert not service_levels(slow)["pod_startup_p99"].met


def test_histograms_of_two_runs_add_up_to_the_histogram_of_both() -> None:
    first, second, both = LatencyHistogram(), LatencyHistogram(), LatencyHistogram()
    for ms in range(1, 101):
        first.record_ns(ms * MS)
        second.record_ns(10 * ms * MS)
        both.record_ns(ms * MS)
        both.record_ns(10 * ms * MS)

    first.add(LatencyHistogram.decode(second.encode()))

    assert first.summary() == both.summary()
    assert first.summary().count == 200


def test_every_measurement_that_has_a_distribution_has_a_histogram() -> None:
    names = set(histograms(observed()))

    assert "startup.pod_startup" in names
    assert "api.create.pods.resource.-" in names


def test_quantiles_of_buckets_are_interpolated_within_the_bucket() -> None:
    buckets = [(0.1, 0.0), (0.2, 50.0), (0.4, 100.0), (float("inf"), 100.0)]

    assert bucket_quantile(buckets, 0.5) == pytest.approx(0.2)
    assert bucket_quantile(buckets, 0.25) == pytest.approx(0.15)
    assert bucket_quantile([(0.1, 0.0), (float("inf"), 3.0)], 0.5) == 0.1
    assert bucket_quantile([], 0.5) is None
    assert bucket_quantile([(0.1, 0.0)], 0.5) is None


def test_exposition_reads_labels_with_escapes_and_skips_comments_and_other_names() -> None:
    text = '# HELP a b\na{x="1\\"2",y="z"} 3\nab{x="1"} 4\na 5 1700000000\n'

    series = list(parse(text, "a"))

    assert [(s.labels, s.value) for s in series] == [({"x": '1\\"2', "y": "z"}, 3.0), ({}, 5.0)]
