"""The store on a run's page, and processes of which there are several."""

from __future__ import annotations

from dataclasses import replace

from reports.figures.palette import process_colour
from reports.model import Measurements, ProcessUse, process_order
from reports.store_model import Declared, MemberUse, StoreUse
from reports.store_section import declared_limits, described, store_section
from reports.wording import family, process_title

REAL = StoreUse(
    kind="real",
    version="3.4.23",
    url="etcd3://127.0.0.1:1,127.0.0.1:2",
    members=2,
    apiservers=2,
    seconds=4.0,
    syncs=33,
    syncs_per_s=8.25,
    writes=40,
    writes_per_s=10.0,
    writes_per_sync=2.0,
    disk_bytes=64 << 20,
    db_bytes=2048,
    by_member={"etcd-1": MemberUse(wal_syncs=20, backend_commits=3), "etcd-2": MemberUse()},
)


def test_store_is_described_in_a_line() -> None:
    assert described(REAL) == (
        "a real etcd, started for this run, etcd 3.4.23, 2 members, 2 API servers on it"
    )
    assert described(StoreUse(kind="embedded")) == "in the API server's process"
    assert described(StoreUse()) == ""


def test_section_shows_syncs_and_sizes_and_says_what_is_not_known() -> None:
    page = str(store_section(REAL))

    for words in ("33 (8.25 a second)", "40 (10.0 a second)", "64.0 MiB", "2.00 KiB", "etcd 1"):
        assert words in page
    assert "not measured" in page
    assert "etcd3://127.0.0.1:1, 127.0.0.1:2" in page  # so that the line can break
    assert "syncs, of logs and databases" in page
    assert "engine commits" not in page  # no member has some


def test_section_says_what_the_store_declares_and_what_base64_made_of_its_values() -> None:
    declared = Declared(
        old_revisions=False, history_events=1000, binary_values=False, compaction=False
    )
    store = replace(
        REAL, declared=declared, values=7, plain_value_bytes=3000.0, wrapped_value_bytes=4000.0
    )
    page = str(store_section(store))
    assert "7 written: 2.93 KiB became 3.91 KiB (33% more)" in page
    for words in ("a history of 1,000 changes over all keys", "nothing to compact", "is ignored"):
        assert words in page
    assert declared_limits(Declared()) == []


def test_processes_of_a_sort_stand_together_in_every_order() -> None:
    names = ["nodes", "apiserver-10", "etcd", "measuring", "apiserver-2", "control", "apiserver-1"]

    assert process_order(names) == [
        "etcd",
        "apiserver-1",
        "apiserver-2",
        "apiserver-10",
        "control",
        "nodes",
        "measuring",
    ]


def test_processes_of_a_sort_have_titles_and_colours_of_their_own() -> None:
    assert process_title("apiserver") == "API server"
    assert process_title("apiserver-2") == "API server 2"
    assert (family("etcd-1"), family("load-generator")) == ("etcd", "load-generator")
    colours = [process_colour(name) for name in ("apiserver", "apiserver-1", "apiserver-2", "etcd")]
    assert colours[0] == colours[1]
    assert len(set(colours)) == 3


def test_several_servers_are_one_where_one_is_meant() -> None:
    one = ProcessUse(cpu_s=1.0, anon_max_mib=30.0, cpu_fill_s=0.5, gc_max_ms=2.0, lag_p99_ms=1.0)
    two = ProcessUse(cpu_s=2.0, anon_max_mib=40.0, cpu_fill_s=None, gc_max_ms=5.0, lag_p99_ms=0.5)

    measured = Measurements(processes={"apiserver-1": one, "apiserver-2": two, "nodes": one})

    assert measured.server == ProcessUse(
        cpu_s=3.0, anon_max_mib=70.0, cpu_fill_s=None, gc_max_ms=5.0, lag_p99_ms=1.0
    )
    assert Measurements(processes={"apiserver": one}).server == one
    assert Measurements().server is None
