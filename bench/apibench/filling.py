"""Making many pods quickly, before anything is measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from bench.apibench.lanes import Lane, Tally, connect
from bench.apibench.operations.interface import Repeated
from bench.apibench.site import SetUpError, Site
from storage.clock import Clock

CONNECTIONS: Final = 32
NODE_DIGITS: Final = 5
UNBOUND: Final = -1


def node_name(number: int) -> str:
    """Return the name of a node that pods are put on; all are equally long. It need not exist."""
    return f"bench-node-{number:0{NODE_DIGITS}d}"


class Fill(Repeated):
    """Creates of pods of given numbers, each on the node of its number modulo ``nodes``, if any."""

    def __init__(self, site: Site, numbers: Iterator[int], nodes: int = 0) -> None:
        self._numbers = numbers
        self._nodes = nodes
        self._name = site.name
        name, node = site.name(0), node_name(0) if nodes else ""
        request = site.request("POST", site.path(), site.made(name, node))
        self._pieces = [
            part.split(node.encode()) if nodes else [part] for part in request.split(name.encode())
        ]

    def next(self, stamp_ns: int) -> bytes | None:
        number = next(self._numbers, UNBOUND)
        if number == UNBOUND:
            return None
        node = node_name(number % self._nodes).encode() if self._nodes else b""
        return self._name(number).encode().join(node.join(part) for part in self._pieces)


async def fill(site: Site, numbers: Iterable[int], clock: Clock, nodes: int = 0) -> None:
    """Create the pods of these numbers. Raises SetUpError, UnreachableError."""
    tally, left = Tally(clock), iter(numbers)
    lanes = [Lane(Fill(site, left, nodes), tally) for _ in range(CONNECTIONS)]
    await connect(site.endpoint, lanes)
    for lane in lanes:
        lane.send()
    await tally.idle.wait()
    for lane in lanes:
        lane.close()
    site.requests["POST pods"] += tally.answered
    if tally.failures:
        raise SetUpError(f"pods cannot be created: {tally.first_failure}")
