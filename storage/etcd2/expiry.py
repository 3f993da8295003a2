"""What ends by itself, and when: a heap of expirations over the tree."""

from __future__ import annotations

import heapq
from bisect import bisect_left

from storage.etcd2.tree import Tree

SLACK = 1024
"""Stale entries that are tolerated beyond twice those that hold, before the heap is rebuilt."""


class Expiry:
    """Expirations, earliest first, then by path: the same order after a restart.

    An entry holds if the node at its path still ends at its time; nodes that are removed, replaced
    or given another time leave theirs behind.
    """

    __slots__ = ("_heap", "_heap_max", "_tree")

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._heap: list[tuple[int, str]] = []
        self._heap_max = 0
        self._rebuild()

    def add(self, path: str, expires_ns: int) -> None:
        """Note when the node at ``path`` ends, as the tree says already."""
        heapq.heappush(self._heap, (expires_ns, path))
        if len(self._heap) > self._heap_max:
            self._rebuild()

    def next_ns(self) -> int:
        """Return when the next node ends; 0: none does."""
        heap = self._heap
        while heap:
            at_ns, path = heap[0]
            if self._ends_ns(path) == at_ns:
                return at_ns
            heapq.heappop(heap)
        return 0

    def next_path(self) -> str:
        """Return the path of what ``next_ns`` was about."""
        return self._heap[0][1]

    def reach_ns(self, now_ns: int, most: int) -> int:
        """Return the latest time, ``now_ns`` at most, up to which no more than ``most`` nodes end.

        Those that end at the very same time end together, so at least those of the earliest do. It
        looks at no more of the heap than that: each entry stands above two that are not earlier.
        """
        heap = self._heap
        ahead = [(heap[0], 0)] if heap else []
        times: list[int] = []
        while ahead:
            (at_ns, path), place = heapq.heappop(ahead)
            if at_ns > now_ns:
                return now_ns
            if self._ends_ns(path) == at_ns:
                if len(times) >= most and at_ns > times[0]:
                    return times[bisect_left(times, at_ns) - 1]
                times.append(at_ns)
            for below in (2 * place + 1, 2 * place + 2):
                if below < len(heap):
                    heapq.heappush(ahead, (heap[below], below))
        return now_ns

    def _ends_ns(self, path: str) -> int:
        leaf = self._tree.leaf(path)
        if leaf is not None:
            return leaf.expires_ns
        directory = self._tree.directories.get(path)
        return 0 if directory is None else directory.expires_ns

    def _rebuild(self) -> None:
        heap = self._heap
        heap.clear()
        for directory in self._tree.directories.values():
            if directory.expires_ns:
                heap.append((directory.expires_ns, directory.path))
            for path, leaf in directory.leaves.items():
                if leaf.expires_ns:
                    heap.append((leaf.expires_ns, path))
        heapq.heapify(heap)
        self._heap_max = 2 * len(heap) + SLACK
