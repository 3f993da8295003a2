"""Pods that wait for a node: active, backing off, or unschedulable until something changes.

                 add                    pop
    (new pod) ─────────▶  active  ────────────▶  decided, bound, gone
                            ▲  ▲                     │        │
              back-off over │  │ moved, and          │ failed │ no node
                            │  │ back-off over       ▼        ▼
                          back-off ◀──────────────────   unschedulable
                                      moved, back-off not over

``moved`` is called when the cluster changed so that a pod might fit: a node appeared, grew, became
ready, or a pod went away. The back-off doubles with each attempt, 1 s to 60 s. Pure: ``now_ns`` is
an argument. Worked example: attempt 1 at 0 s finds no node; a node appears at 0.3 s: the pod waits
in the back-off until 1.0 s; attempt 2 fails too, and a node at 9 s makes it active at once, since
its back-off (2 s) is over.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Final

from cluster.client.interface import ObjectKey

BACKOFF_FIRST_NS: Final = 10**9
BACKOFF_MAX_NS: Final = 60 * 10**9
UNSCHEDULABLE_MAX_NS: Final = 300 * 10**9
"""After five minutes an unschedulable pod is tried again, whether or not anything changed."""


@dataclass(slots=True)
class _Waiting:
    uid: str
    attempts: int = 0
    failed_ns: int = 0
    where: str = "active"

    def ready_ns(self) -> int:
        """Return when its back-off ends."""
        return self.failed_ns + min(BACKOFF_FIRST_NS << (self.attempts - 1), BACKOFF_MAX_NS)


class SchedulingQueue:
    """Keeps each pod in exactly one place; a popped pod stays known until removed or failed."""

    def __init__(self) -> None:
        self._pods: dict[ObjectKey, _Waiting] = {}
        self._active: dict[ObjectKey, None] = {}
        self._unschedulable: dict[ObjectKey, None] = {}
        self._backoff: list[tuple[int, int, ObjectKey, str]] = []
        self._sequence = 0

    def __len__(self) -> int:
        return len(self._pods)

    @property
    def active(self) -> int:
        """How many pods can be popped now."""
        return len(self._active)

    def add(self, key: ObjectKey, uid: str) -> bool:
        """Put a pod in line unless it is known; return whether it was put there."""
        waiting = self._pods.get(key)
        if waiting is not None and waiting.uid == uid:
            return False
        self.remove(key)
        self._pods[key] = _Waiting(uid)
        self._active[key] = None
        return True

    def remove(self, key: ObjectKey) -> None:
        """Forget a pod: it has a node, or is gone."""
        if self._pods.pop(key, None) is not None:
            self._active.pop(key, None)
            self._unschedulable.pop(key, None)

    def pop(self) -> ObjectKey | None:
        """Take the next active pod, first come first served."""
        for key in self._active:
            del self._active[key]
            waiting = self._pods[key]
            waiting.attempts += 1
            waiting.where = "decided"
            return key
        return None

    def failed(self, key: ObjectKey, uid: str, now_ns: int) -> None:
        """A popped pod's binding failed: try again after its back-off."""
        waiting = self._pods.get(key)
        if waiting is not None and waiting.uid == uid and waiting.where == "decided":
            waiting.failed_ns = now_ns
            self._back_off(key, waiting)

    def unschedulable(self, key: ObjectKey, now_ns: int) -> None:
        """A popped pod fits nowhere: try again when ``moved``."""
        waiting = self._pods.get(key)
        if waiting is not None and waiting.where == "decided":
            waiting.failed_ns = now_ns
            waiting.where = "unschedulable"
            self._unschedulable[key] = None

    def moved(self, now_ns: int) -> None:
        """The cluster changed for the better: give the unschedulable pods another try."""
        unschedulable, self._unschedulable = self._unschedulable, {}
        for key in unschedulable:
            self._resume(key, now_ns)

    def changed(self, key: ObjectKey, now_ns: int) -> None:
        """A pod asks for something else now: if it fitted nowhere, give it another try."""
        if key in self._unschedulable:
            del self._unschedulable[key]
            self._resume(key, now_ns)

    def advance(self, now_ns: int) -> None:
        """Activate what has backed off long enough, or was unschedulable for five minutes."""
        while self._backoff and self._backoff[0][0] <= now_ns:
            _ready, _sequence, key, uid = heapq.heappop(self._backoff)
            waiting = self._pods.get(key)
            if waiting is not None and waiting.uid == uid and waiting.where == "backoff":
                self._activate(key, waiting)
        while self._unschedulable:  # in order of failure
            key = next(iter(self._unschedulable))
            if now_ns - self._pods[key].failed_ns < UNSCHEDULABLE_MAX_NS:
                break
            del self._unschedulable[key]
            self._resume(key, now_ns)

    def next_ns(self) -> int | None:
        """Return when ``advance`` has something to do next, or None."""
        times = [self._backoff[0][0]] if self._backoff else []
        first = next(iter(self._unschedulable), None)
        if first is not None:
            times.append(self._pods[first].failed_ns + UNSCHEDULABLE_MAX_NS)
        return min(times, default=None)

    def _resume(self, key: ObjectKey, now_ns: int) -> None:
        waiting = self._pods[key]
        if waiting.ready_ns() <= now_ns:
            self._activate(key, waiting)
        else:
            self._back_off(key, waiting)

    def _activate(self, key: ObjectKey, waiting: _Waiting) -> None:
        waiting.where = "active"
        self._active[key] = None

    def _back_off(self, key: ObjectKey, waiting: _Waiting) -> None:
        waiting.where = "backoff"
        self._sequence += 1
        heapq.heappush(self._backoff, (waiting.ready_ns(), self._sequence, key, waiting.uid))
