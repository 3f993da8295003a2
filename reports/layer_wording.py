"""The layers as pages and figures tell them, in the order of a request's way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from reports.attribution_model import LayerCpu
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
    "store": Words("store", "judging writes, group commit on the loop, key index", "#44aa99"),
    "commit": Words("commit", "the commit thread", "#117733"),
    "cache": Words("cache", "watch cache: header, map, ring", "#999933"),
    "read": Words("read", "GET and LIST, a watch's first state, pages such as /metrics", "#bbcc33"),
    "fanout": Words("fan-out", "who sees an event, and its frames", "#aa4499"),
    "socket": Words("socket", "heads of answers, writing and sending", "#882255"),
    "collector": Words("collector", "the cyclic garbage collector", "#a0a7ae"),
}
REST_COLOUR: Final = RULE


def words_of(layer: str) -> Words:
    """Return how a layer is told; one that is not known by its name alone."""
    return LAYERS.get(layer) or Words(layer, "", "#656d76")


def in_order(layers: Iterable[LayerCpu]) -> list[LayerCpu]:
    """Return layers in the order of a request's way, unknown ones behind, by name."""
    order = {name: place for place, name in enumerate(LAYERS)}
    return sorted(layers, key=lambda layer: (order.get(layer.name, len(order)), layer.name))
