"""``status-patch``: what a kubelet does today: a strategic merge patch of the status, in JSON."""

from __future__ import annotations

import json
from itertools import cycle
from typing import Final

from bench.apibench.filling import fill
from bench.apibench.marks import NO_MARK, mark
from bench.apibench.operations.interface import Plan, Repeated, Work
from bench.apibench.pods import running_status
from bench.apibench.site import POD_META, Site
from serialization.api.core.v1_pb2 import Pod
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.codecs.registry import CODECS

PODS_A_CONNECTION: Final = 4
MEDIA_TYPE: Final = "application/strategic-merge-patch+json"


def patch_text(uid: str) -> bytes:
    """Return the patch by which a kubelet says that a pod runs, with a place for the mark."""
    pod = Pod(metadata=ObjectMeta(uid=uid), status=running_status(NO_MARK.decode()))
    tree = json.loads(CODECS["orjson"].encode(POD_META, pod))
    status = tree["status"]
    order = [{"type": condition["type"]} for condition in status["conditions"]]
    patch = {"metadata": {"uid": uid}, "status": {"$setElementOrder/conditions": order, **status}}
    return json.dumps(patch, separators=(",", ":")).encode()


class Patches(Repeated):
    """One connection's patches, of its pods in turn."""

    def __init__(self, requests: list[tuple[int, bytes]]) -> None:
        self._sequences = {index: 0 for index, _ in requests}
        self._turn = cycle([(index, request.split(NO_MARK)) for index, request in requests])

    def next(self, stamp_ns: int) -> bytes | None:
        index, (before, after) = next(self._turn)
        self._sequences[index] = sequence = self._sequences[index] + 1
        return before + mark(stamp_ns, index, sequence) + after

    def written(self) -> dict[str, int]:
        return {str(index): sequence for index, sequence in self._sequences.items()}


class StatusPatch:
    """The operation."""

    sort = "PATCH pods/status"
    meaning = "a kubelet's strategic merge patch, in JSON, of a status changed each time"

    async def prepare(self, site: Site, plan: Plan) -> list[Work]:
        pods = max(plan.pods or plan.connections * PODS_A_CONNECTION, plan.connections)
        await fill(site, range(pods), plan.clock, plan.nodes)
        made = []
        for number in range(pods):
            name = site.name(number)
            pod = site.decode(await site.call("GET pods", "GET", site.path(name)))
            path, text = site.path(name, "status"), patch_text(pod.metadata.uid)
            made.append((number, site.request("PATCH", path, text, MEDIA_TYPE)))
        return [Patches(made[at :: plan.connections]) for at in range(plan.connections)]


OPERATION = StatusPatch()
