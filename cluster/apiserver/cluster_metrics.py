"""Metrics of what stands below the requests: the store, the watch cache, the watches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cluster.apiserver.api import Api
from cluster.apiserver.exposition import Family, Sample, render
from cluster.apiserver.fanout.fanout import Fanout
from cluster.apiserver.inflight import Inflight
from storage.errors import StoreError
from storage.records import StoreStatus


async def exposition(api: Api, fanout: Fanout, inflight: Inflight) -> bytes:
    """Return the text of /metrics; while the store cannot be asked, its sizes are zero."""
    try:
        status = await api.store.status()
    except StoreError:
        status = StoreStatus(api.cache.revision, 0, 0, 0, 0, "unavailable", 0, 0)
    limited = _limited(inflight)
    return render([*api.metrics.families(), *limited, *_below(api, fanout, status)])


def _limited(inflight: Inflight) -> Iterator[Family]:
    yield _family(
        "apiserver_dropped_requests_total",
        "counter",
        "Requests that were refused with 429, for as many were being served as may be.",
        inflight.refused,
        "request_kind",
    )
    yield _plain(
        "kubedyno_requests_late_total",
        "counter",
        "Requests that did not end in time (504).",
        inflight.late,
    )


def _below(api: Api, fanout: Fanout, status: StoreStatus) -> Iterator[Family]:
    counters = api.cache.counters
    if api.layers.enabled:
        yield _family(
            "kubedyno_apiserver_cpu_seconds_total",
            "counter",
            "CPU by layer of the request path, of CPU ticks.",
            api.layers.seconds(),
            "layer",
        )
    yield _family(
        "apiserver_resource_objects",
        "gauge",
        "Number of stored objects by resource.",
        {each.resource.group_resource: len(each) for each in api.cache},
        "resource",
    )
    yield _plain(
        "apiserver_storage_size_bytes",
        "gauge",
        "Size of the store on the disk in bytes.",
        status.disk_bytes,
    )
    yield _plain(
        "kubedyno_store_logical_bytes", "gauge", "Live keys and values.", status.logical_bytes
    )
    yield _plain("kubedyno_store_keys", "gauge", "Live keys.", status.keys)
    yield _plain(
        "apiserver_watch_cache_events_received_total",
        "counter",
        "Changes that the store delivered to the watch cache.",
        counters.events_received,
    )
    yield _plain(
        "apiserver_watch_cache_events_dispatched_total",
        "counter",
        "Events that the watch cache handed to groups of watchers.",
        counters.events_dispatched,
    )
    yield _plain(
        "apiserver_watch_cache_resource_version",
        "gauge",
        "The newest revision in the watch cache.",
        api.cache.revision,
    )
    yield _plain(
        "apiserver_init_events_total",
        "counter",
        "Objects told to new watches before their first change.",
        counters.init_events,
    )
    yield _plain(
        "apiserver_watch_events_total",
        "counter",
        "Events written to watchers.",
        fanout.counters.events_sent,
    )
    yield _plain(
        "apiserver_terminated_watchers_total",
        "counter",
        "Watchers that were cut off because they did not read.",
        fanout.counters.flat()["watch_terminated"],
    )
    own = counters.flat() | fanout.counters.flat()
    own |= {"store_commits": status.commits, "store_writes": status.writes}
    for name, value in sorted(own.items()):
        yield _plain(f"kubedyno_{name}_total", "counter", "See the documentation.", value)


def _plain(name: str, kind: str, about: str, value: float) -> Family:
    return Family(name, kind, about, [Sample("", {}, value)])


def _family(name: str, kind: str, about: str, values: Mapping[str, float], label: str) -> Family:
    return Family(
        name, kind, about, [Sample("", {label: key}, values[key]) for key in sorted(values)]
    )
