"""``delete`` and ``bind``: what can be done to a pod once. They end when their pods run out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from bench.apibench.filling import fill, node_name
from bench.apibench.operations.interface import Plan, Repeated, Work
from bench.apibench.site import Site
from serialization.api.core.v1_pb2 import Binding, ObjectReference
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.codecs.interface import TypeMeta

PODS_DEFAULT: Final = 10_000

Made = Callable[[Site, str], bytes]
"""Makes the request for the pod of a name."""


class Once(Repeated):
    """One connection's requests, each for another pod."""

    def __init__(self, site: Site, numbers: Iterator[int], made: Made) -> None:
        self._name = site.name
        self._numbers = numbers
        placeholder = site.name(0)
        self._pieces = made(site, placeholder).split(placeholder.encode())

    def next(self, stamp_ns: int) -> bytes | None:
        number = next(self._numbers, None)
        return None if number is None else self._name(number).encode().join(self._pieces)


class Consuming:
    """The operation."""

    def __init__(self, sort: str, meaning: str, made: Made) -> None:
        self.sort = sort
        self.meaning = meaning
        self._made = made

    async def prepare(self, site: Site, plan: Plan) -> list[Work]:
        numbers = range(plan.pods or PODS_DEFAULT)
        await fill(site, numbers, plan.clock)
        left = iter(numbers)
        return [Once(site, left, self._made) for _ in range(plan.connections)]


def _delete(site: Site, name: str) -> bytes:
    return site.request("DELETE", site.path(name) + "?gracePeriodSeconds=0")


def _bind(site: Site, name: str) -> bytes:
    binding = Binding(
        metadata=ObjectMeta(name=name, namespace=site.namespace),
        target=ObjectReference(kind="Node", name=node_name(1)),
    )
    body = site.codec.encode(TypeMeta("v1", "Binding"), binding)
    return site.request("POST", site.path(name, "binding"), body)


DELETE = Consuming("DELETE pods", "DELETE of a pod, unbound, without grace", _delete)
BIND = Consuming("POST pods/binding", "what a scheduler does: POST of a binding", _bind)
