"""``create``: POST of a pod, each of a name of its own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from bench.apibench.operations.interface import Plan, Repeated, Work
from bench.apibench.site import Site


class Creates(Repeated):
    """Creates of pods: one prebuilt request, cut where the name stands."""

    def __init__(self, site: Site, names: Iterator[int]) -> None:
        self._names = names
        self._name = site.name
        placeholder = site.name(0)
        request = site.request("POST", site.path(), site.made(placeholder))
        self._pieces = request.split(placeholder.encode())

    def next(self, stamp_ns: int) -> bytes | None:
        return self._name(next(self._names)).encode().join(self._pieces)


class Create:
    """The operation."""

    sort = "POST pods"
    meaning = "POST of a 2.6 KB pod, unbound, each of a name of its own"

    async def prepare(self, site: Site, plan: Plan) -> list[Work]:
        names = count(1)
        return [Creates(site, names) for _ in range(plan.connections)]


OPERATION = Create()
