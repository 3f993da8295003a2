"""``list``: LIST of all pods of the cluster, whole, to the last byte."""

from __future__ import annotations

from typing import Final

from bench.apibench.filling import fill
from bench.apibench.operations.get import Gets
from bench.apibench.operations.interface import Plan, Work
from bench.apibench.site import Site

PODS_DEFAULT: Final = 1000
PATH: Final = "/api/v1/pods"


class ListAll:
    """The operation."""

    sort = "LIST pods"
    meaning = "LIST of all pods, whole, to the last byte"

    async def prepare(self, site: Site, plan: Plan) -> list[Work]:
        if plan.pods >= 0:
            await fill(site, range(plan.pods or PODS_DEFAULT), plan.clock)
        return [Gets([site.request("GET", PATH)], 0) for _ in range(plan.connections)]


OPERATION = ListAll()
