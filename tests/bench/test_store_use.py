"""What the fill cost the store, by its own counters."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.apiservers import together
from bench.declared import Declared
from bench.etcd_metrics import etcd_counters, etcd_version
from bench.measurements.store_use import store_use
from bench.observed import Observed
from bench.plane_store import StoreFacts
from tests.bench.run_results import observed

METRICS = """\
# HELP etcd_disk_wal_fsync_duration_seconds The latency distributions of fsync called by WAL.
etcd_disk_wal_fsync_duration_seconds_bucket{le="0.001"} 7
etcd_disk_wal_fsync_duration_seconds_sum 0.25
etcd_disk_wal_fsync_duration_seconds_count 19
etcd_disk_backend_commit_duration_seconds_count 5
etcd_mvcc_db_total_size_in_bytes 20480
etcd_server_version{server_version="3.4.23"} 1
"""


Counters = dict[str, dict[str, float]]


def told(facts: StoreFacts, begin: Counters, end: Counters) -> Observed:
    """Return a run whose store's processes counted so at the ends of the fill."""
    whole = observed()
    fill = whole.phases[0]
    assert fill.end is not None
    marked = replace(
        fill,
        begin=fill.begin._replace(counters={**fill.begin.counters, **begin}),
        end=fill.end._replace(counters={**fill.end.counters, **end}),
    )
    return replace(whole, store=facts, phases=[marked, *whole.phases[1:]])


def test_etcd_s_metrics_are_counters_under_names_of_ours() -> None:
    assert etcd_counters(METRICS) == {
        "etcd_wal_fsyncs": 19,
        "etcd_wal_fsync_s": 0.25,
        "etcd_backend_commits": 5,
        "etcd_db_bytes": 20480,
    }
    assert etcd_counters(METRICS, 2) == {"etcd_wal_fsyncs": 19, "etcd_wal_fsync_s": 0.25}
    assert etcd_version(METRICS) == "3.4.23"
    assert (etcd_counters(""), etcd_version("")) == ({}, "")


def test_syncs_of_members_are_added_up_and_a_group_is_a_member_s() -> None:
    run = told(
        StoreFacts("real", 2, "3.4.23", "etcd3://a:1,b:1"),
        {
            "etcd-1": {"etcd_wal_fsyncs": 10, "etcd_backend_commits": 1},
            "etcd-2": {"etcd_wal_fsyncs": 12},
        },
        {
            "etcd-1": {"etcd_wal_fsyncs": 30, "etcd_backend_commits": 4, "etcd_db_bytes": 7},
            "etcd-2": {"etcd_wal_fsyncs": 22, "etcd_db_bytes": 9, "etcd_disk_bytes": 64},
        },
    )

    use = store_use(run)

    assert (use.kind, use.version, use.members) == ("real", "3.4.23", 2)
    assert use.syncs == 20 + 3 + 10
    assert use.seconds == pytest.approx(4.0)
    assert use.syncs_per_s == pytest.approx(33 / 4)
    assert (use.writes, use.writes_per_sync) == (40, 2.0)
    assert (use.db_bytes, use.disk_bytes, use.db_bytes_in_use) == (9, 64, None)
    assert use.by_member["etcd-1"].wal_syncs == 20
    assert use.by_member["etcd-2"].backend_commits is None


def test_commits_of_our_engine_are_its_syncs() -> None:
    run = told(
        StoreFacts("served", 1),
        {"etcd": {"store_commits": 5.0}},
        {"etcd": {"store_commits": 13.0, "store_disk_bytes": 4096.0}},
    )

    use = store_use(run)

    assert (use.syncs, use.writes_per_sync, use.disk_bytes) == (8, 5.0, 4096)


def test_an_embedded_store_is_told_of_by_its_api_server() -> None:
    whole = observed()
    fill = whole.phases[0]
    assert fill.end is not None
    texts = [f"kubedyno_store_commits_total {n}\napiserver_storage_size_bytes 99" for n in (2, 12)]
    marked = replace(
        fill, begin=fill.begin._replace(metrics=texts[0]), end=fill.end._replace(metrics=texts[1])
    )

    use = store_use(replace(whole, phases=[marked]))

    assert (use.kind, use.syncs, use.disk_bytes) == ("embedded", 10, 99)


def test_a_fill_that_did_not_end_has_no_numbers() -> None:
    whole = observed()

    use = store_use(replace(whole, phases=[replace(whole.phases[0], end=None)]))

    assert (use.kind, use.syncs, use.writes) == ("embedded", None, None)


def test_a_member_that_told_at_one_end_only_has_no_syncs() -> None:
    run = told(StoreFacts("remote", 1), {}, {"etcd": {"etcd_wal_fsyncs": 8.0}})

    assert store_use(run).syncs is None


def test_several_servers_are_one_in_the_counters_of_a_mark() -> None:
    assert set(together({"apiserver-1": {}, "apiserver-2": {}, "etcd": {}})) == {
        "apiserver",
        "etcd",
    }


@pytest.mark.parametrize(("batches", "expected"), [(3, 4.0), (0, None)])
def test_writes_a_txn_are_told_where_they_were_joined(batches: int, expected: float | None) -> None:
    begin: Counters = {"apiserver": {"store_client_writes": 10, "store_txns": 10}}
    end: Counters = {
        "apiserver": {"store_client_writes": 50, "store_txns": 20, "store_batches": batches}
    }

    use = store_use(told(StoreFacts("real", 1), begin, end))

    assert use.writes_per_txn == expected


def test_values_that_were_wrapped_are_told_where_the_store_takes_text_alone() -> None:
    declared = Declared(binary_values=False)
    begin: Counters = {"apiserver": counted(2, 20, 28)}
    end: Counters = {"apiserver": counted(12, 320, 428)}

    use = store_use(told(StoreFacts("embedded", declared=declared), begin, end))
    none = store_use(told(StoreFacts("embedded"), {"apiserver": {}}, {"apiserver": {}}))

    assert use.declared == declared
    assert (use.values, use.plain_value_bytes, use.wrapped_value_bytes) == (10, 300, 400)
    assert (none.values, none.wrapped_value_bytes) == (None, None)


def counted(values: int, plain: int, wrapped: int) -> dict[str, float]:
    """Return what an API server counts of wrapped values."""
    return {
        "base64_values_written": values,
        "base64_plain_bytes": plain,
        "base64_wrapped_bytes": wrapped,
    }
