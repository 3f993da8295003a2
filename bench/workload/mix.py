"""How a number of pods is spread over replication controllers, and controllers over namespaces."""

from __future__ import annotations

from typing import Final, NamedTuple

BIG: Final = 250
MEDIUM: Final = 30
SMALL: Final = 5
"""Sizes of ClusterLoader2's load: a quarter of all pods in big controllers, a quarter in medium
ones, half in small ones (perf-tests, clusterloader2/testing/load/config.yaml)."""

NODES_PER_NAMESPACE: Final = 100


class Group(NamedTuple):
    """One replication controller to be made."""

    namespace: str
    name: str
    replicas: int


def sizes(pods: int) -> list[int]:
    """Return the controllers' sizes, biggest first; they add up to ``pods`` exactly.

    >>> sizes(1000).count(250), sizes(1000).count(30), sizes(1000).count(5)
    (1, 8, 102)
    """
    big = pods // 4 // BIG
    medium = pods // 4 // MEDIUM
    rest = pods - big * BIG - medium * MEDIUM
    small, over = divmod(rest, SMALL)
    return [BIG] * big + [MEDIUM] * medium + [SMALL] * small + ([over] if over else [])


def namespaces(nodes: int) -> list[str]:
    """Return the names of the load's namespaces, one for every hundred nodes."""
    return [f"load-{i}" for i in range(1, max(1, nodes // NODES_PER_NAMESPACE) + 1)]


def groups(pods: int, nodes: int) -> list[Group]:
    """Return the controllers to be made, dealt to the namespaces in turn."""
    spaces = namespaces(nodes)
    return [
        Group(spaces[i % len(spaces)], f"rc-{i + 1:05d}", size)
        for i, size in enumerate(sizes(pods))
    ]
