"""PUTs of pods that carry the resourceVersion of the last answer, as a kubelet's do.

Each connection has pods of its own, so nobody's PUT is ever stale. A pod's request is prebuilt once
for each length of resourceVersion and cut where that and the mark stand; what a PUT costs here is a
search in the answer and a join.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from typing import Final

from bench.apibench.filling import fill
from bench.apibench.marks import NO_MARK, mark
from bench.apibench.operations.interface import Plan, Work
from bench.apibench.site import Site
from serialization.api.core.v1_pb2 import Pod

PODS_A_CONNECTION: Final = 4
JSON_VERSION: Final = b'"resourceVersion":"'
VERSION_TAG: Final = 0x32
"""Field 6 of ObjectMeta; its length follows."""
NO_VERSION: Final = "~"
"""Stands, as often as needed, where a resourceVersion goes; nothing else of a pod has it."""

Changed = Callable[[Pod, str], None]
"""Puts a mark into a pod."""


class Rewritten:
    """One pod and the request that writes it anew."""

    def __init__(self, site: Site, index: int, pod: Pod, subresource: str) -> None:
        self.index = index
        self.sequence = 0
        self._site = site
        self._pod = pod
        self._path = site.path(pod.metadata.name, subresource)
        self._prefix, self._before = b"", 0
        self._at, self._answer_bytes = 0, 0
        self._pieces: list[bytes] = []
        self._digits = 0
        self._set(pod.metadata.resourceVersion.encode())

    def request(self, stamp_ns: int) -> bytes:
        """Return the next PUT."""
        self.sequence += 1
        pieces = self._pieces
        pieces[3] = mark(stamp_ns, self.index, self.sequence)
        return b"".join(pieces)

    def learn(self, answer: bytes) -> None:
        """Take the resourceVersion from an answer; mostly it stands where it last stood.

        Raises ValueError for an answer that has none.
        """
        at = self._at
        if len(answer) != self._answer_bytes or answer[at - self._before : at] != self._prefix:
            at = self._find(answer)
        self._set(answer[at : at + self._digits])

    def _find(self, answer: bytes) -> int:
        version = self._site.decode(answer).metadata.resourceVersion.encode()
        for prefix in (JSON_VERSION, bytes((VERSION_TAG, len(version)))):
            at = answer.find(prefix + version)
            if at >= 0:
                self._prefix, self._before, self._answer_bytes = prefix, len(prefix), len(answer)
                self._at = at + len(prefix)
                self._set(version)
                return self._at
        raise ValueError("an answer without a resourceVersion")

    def _set(self, version: bytes) -> None:
        if len(version) != self._digits:
            self._build(len(version))
        self._pieces[1] = version

    def _build(self, digits: int) -> None:
        self._digits = digits
        self._pod.metadata.resourceVersion = NO_VERSION * digits
        request = self._site.request("PUT", self._path, self._site.encode(self._pod))
        before, after = request.split(NO_VERSION.encode() * digits)
        between, rest = after.split(NO_MARK)
        self._pieces = [before, b"", between, b"", rest]


class Puts:
    """One connection's PUTs, of its pods in turn."""

    def __init__(self, pods: list[Rewritten]) -> None:
        self._pods = pods
        self._turn = cycle(pods)
        self._current = pods[0]
        self._answer: list[bytes] = []
        self.take: Callable[[bytes], None] | None = self._answer.append

    def next(self, stamp_ns: int) -> bytes | None:
        self._current = next(self._turn)
        self._answer.clear()
        return self._current.request(stamp_ns)

    def answered(self) -> None:
        answer = self._answer
        self._current.learn(answer[0] if len(answer) == 1 else b"".join(answer))

    def written(self) -> dict[str, int]:
        return {str(pod.index): pod.sequence for pod in self._pods}


class Rewriting:
    """The operation: PUT to a subresource, or to the pod itself."""

    def __init__(self, sort: str, meaning: str, subresource: str, change: Changed) -> None:
        self.sort = sort
        self.meaning = meaning
        self._subresource = subresource
        self._change = change

    async def prepare(self, site: Site, plan: Plan) -> list[Work]:
        pods = max(plan.pods or plan.connections * PODS_A_CONNECTION, plan.connections)
        await fill(site, range(pods), plan.clock, plan.nodes)
        made = []
        for number in range(pods):
            pod = site.decode(await site.call("GET pods", "GET", site.path(site.name(number))))
            self._change(pod, NO_MARK.decode())
            made.append(Rewritten(site, number, pod, self._subresource))
        return [Puts(made[at :: plan.connections]) for at in range(plan.connections)]
