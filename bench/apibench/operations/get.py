"""``get`` and ``get-rv0``: GET of one pod, newest, or whatever the server has at hand."""

from __future__ import annotations

from itertools import cycle
from typing import Final

from bench.apibench.filling import fill
from bench.apibench.operations.interface import Plan, Repeated, Work
from bench.apibench.site import Site

PODS_DEFAULT: Final = 100


class Gets(Repeated):
    """GETs of pods in turn."""

    def __init__(self, requests: list[bytes], start: int) -> None:
        self._requests = cycle(requests[start:] + requests[:start])

    def next(self, stamp_ns: int) -> bytes | None:
        return next(self._requests)


class Get:
    """The operation."""

    sort = "GET pods"

    def __init__(self, query: str, meaning: str) -> None:
        self._query = query
        self.meaning = meaning

    async def prepare(self, site: Site, plan: Plan) -> list[Work]:
        pods = plan.pods or PODS_DEFAULT
        await fill(site, range(pods), plan.clock)
        paths = [site.path(site.name(number)) + self._query for number in range(pods)]
        requests = [site.request("GET", path) for path in paths]
        return [Gets(requests, at % pods) for at in range(plan.connections)]


GET = Get("", "GET of one pod, of a hundred in turn")
GET_RV0 = Get("?resourceVersion=0", "GET of one pod, whatever version the server has at hand")
