"""One API server, or several of one store: their names, and what they say taken together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from bench.switches import APISERVER

ETCD: Final = "etcd"
NOT_ADDED: Final = frozenset(("store_compacted_revision",))
"""Counters that tell how far something is: together, as far as the one that is farthest."""

Counters = Mapping[str, Mapping[str, float]]


def server_names(count: int) -> list[str]:
    """Return the names of the processes: ``apiserver``, or ``apiserver-1`` and so on."""
    if count == 1:
        return [APISERVER]
    return [f"{APISERVER}-{number}" for number in range(1, count + 1)]


def is_server(process: str) -> bool:
    """Say whether a process is an API server."""
    return process == APISERVER or process.startswith(f"{APISERVER}-")


def is_store(process: str) -> bool:
    """Say whether a process is the store's: ``etcd``, ``etcd-1`` and so on."""
    return process == ETCD or process.startswith(f"{ETCD}-")


def together(counters: Counters) -> dict[str, dict[str, float]]:
    """Return all counters by process, those of several API servers added up as ``apiserver``'s.

    All of them must tell: the sum over some would be taken for the sum over all.
    """
    servers = [told for name, told in counters.items() if is_server(name)]
    found = {name: dict(told) for name, told in counters.items() if not is_server(name)}
    return ({APISERVER: added(servers)} if servers else {}) | found


def added(counters: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return the sums of equal counters."""
    total: dict[str, float] = {}
    for told in counters:
        for name, value in told.items():
            if name in NOT_ADDED:
                total[name] = max(total.get(name, value), value)
            else:
                total[name] = total.get(name, 0.0) + value
    return total
