"""Several API servers: what they say taken together."""

from __future__ import annotations

from bench.apiservers import is_server, is_store, server_names, together


def test_one_server_has_the_plain_name() -> None:
    assert server_names(1) == ["apiserver"]
    assert server_names(3) == ["apiserver-1", "apiserver-2", "apiserver-3"]
    assert all(is_server(name) for name in server_names(1) + server_names(2))
    assert not is_server("control")
    assert not is_server("apiserverless")
    assert [is_store(name) for name in ("etcd", "etcd-2", "nodes")] == [True, True, False]


def test_counters_of_several_servers_are_added_up_as_one_s() -> None:
    counters = {
        "apiserver-1": {"requests_total": 3.0, "only": 1.0, "store_compacted_revision": 70.0},
        "apiserver-2": {"requests_total": 4.0, "store_compacted_revision": 40.0},
        "control": {"requests_total": 9.0},
    }

    assert together(counters) == {
        "apiserver": {"requests_total": 7.0, "only": 1.0, "store_compacted_revision": 70.0},
        "control": {"requests_total": 9.0},
    }


def test_counters_of_one_server_stay_as_they_are() -> None:
    counters = {"apiserver": {"a": 1.0}, "nodes": {"a": 2.0}}

    assert together(counters) == counters
    assert together({"nodes": {"a": 2.0}}) == {"nodes": {"a": 2.0}}
