"""The layers as pages and figures tell them, in the order of a request's way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from reports.attribution_model import LayerCpu, ProcessLayers
from reports.figures.palette import RULE

REST: Final = "the loop and the rest"


class Words(NamedTuple):
    """A layer for people."""

    title: str
    what: str
    colour: str


LAYERS: Final = {
    "parse": Words("parse", "HTTP, from bytes to a request", "#88ccee"),
    "authenticate": Words("authenticate", "who asks", "#6699cc"),
    "route": Words("route", "resource, verb, limits, request metrics", "#4477aa"),
    "decode": Words("decode", "bodies and cached states into messages", "#ddaa33"),
    "admit": Words("admit", "defaults, validation, metadata, patches", "#cc6677"),
    "encode": Words("encode", "storage codec, and bytes of answers", "#ee8866"),
    "grpc": Words("gRPC", "calls and streams, as far as they are Python", "#6699cc"),
    "http1": Words("HTTP/1.1", "requests to an etcd 2, and its streams", "#88aadd"),
    "base64": Words("base64", "binary values as text, for an etcd 2", "#ddcc77"),
    "serve": Words("serve", "etcd's services: ranges, transactions, watches, leases", "#cc6677"),
    "store": Words(
        "store", "judging writes, group commit, key index; or asking an etcd", "#44aa99"
    ),
    "commit": Words("commit", "the commit thread", "#117733"),
    "cache": Words("cache", "watch cache: header, map, ring", "#999933"),
    "read": Words("read", "GET and LIST, a watch's first state, pages such as /metrics", "#bbcc33"),
    "fanout": Words("fan-out", "who sees an event, and its frames", "#aa4499"),
    "socket": Words("socket", "heads of answers, writing and sending", "#882255"),
    "exchange": Words("exchange", "a client's requests, answers and watches over HTTP", "#4477aa"),
    "watch": Words("watch", "a client's watches, cut into events", "#88ccee"),
    "apply": Words("apply", "informers: header, cache, who is told", "#999933"),
    "queue": Words("queue", "work queues and their workers", "#44aa99"),
    "sync": Words("sync", "the controllers' own work", "#cc6677"),
    "decide": Words("decide", "the scheduler's own work", "#882255"),
    "kubelet": Words("kubelet", "the hollow kubelets' own work", "#aa4499"),
    "events": Words("events", "recording and correlating events", "#bbcc33"),
    "history": Words("history", "writing down what was asked and seen", "#117733"),
    "record": Words("record", "what a measurement writes down", "#44aa99"),
    "drive": Words("drive", "the workload of a measurement", "#cc6677"),
    "threads": Words(
        "other threads", "whatever is not on the loop's thread, such as gRPC's", "#656d76"
    ),
    "collector": Words("collector", "the cyclic garbage collector", "#a0a7ae"),
}
REST_COLOUR: Final = RULE


BELOW_ZERO_MAX: Final = 0.05
"""What layers may come to beyond their process, as a share of it: readings are not of one moment.
Beyond that they are no measurement."""


def unreliable(process: ProcessLayers) -> bool:
    """Tell whether the layers of a process come to more than the process itself."""
    return process.rest_s < -BELOW_ZERO_MAX * process.cpu_s


def words_of(layer: str) -> Words:
    """Return how a layer is told; one that is not known by its name alone."""
    return LAYERS.get(layer) or Words(layer, "", "#656d76")


def in_order(layers: Iterable[LayerCpu]) -> list[LayerCpu]:
    """Return layers in the order of a request's way, unknown ones behind, by name."""
    order = {name: place for place, name in enumerate(LAYERS)}
    return sorted(layers, key=lambda layer: (order.get(layer.name, len(order)), layer.name))
