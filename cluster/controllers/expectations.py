"""What a controller has asked for and not yet seen come back through its informer.

An informer lags behind the controller's own writes. Without a memory of them a controller that
made three pods and looks again at once would see none of them, and make three more. So it writes
down what it expects, and does not act on a key again until all of that was observed or five
minutes went by.

Creations are counted: which name a generated pod gets is not known when it is expected. Deletions
are a set of uids, because one graceful deletion is seen twice, as an update (deletionTimestamp
appears) and as the removal, and must be counted once. Example, for a key that wants 3 and has 1:

    expect_creations(key, 2)        creations 2
    creation_observed(key)          creations 1   (the informer, or a create that failed)
    satisfied(key)                  False
    creation_observed(key)          creations 0
    satisfied(key)                  True
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from cluster.client.interface import ObjectKey

EXPECTATION_TTL_NS: Final = 300 * 10**9
"""Kubernetes' five minutes: by then an event that has not come was lost."""


@dataclass(slots=True)
class _Expected:
    recorded_ns: int
    creations: int = 0
    deletions: set[str] = field(default_factory=set)


class Expectations:
    """Outstanding creations and deletions by key. Pure; times are ``Clock.stamp_ns``."""

    def __init__(self) -> None:
        self._expected: dict[ObjectKey, _Expected] = {}

    def expect_creations(self, key: ObjectKey, count: int, now_ns: int) -> None:
        """Expect ``count`` creations; call it before the first request is sent."""
        self._expected[key] = _Expected(now_ns, creations=count)

    def expect_deletions(self, key: ObjectKey, uids: Iterable[str], now_ns: int) -> None:
        """Expect these objects to go; call it before the first request is sent."""
        self._expected[key] = _Expected(now_ns, deletions=set(uids))

    def creation_observed(self, key: ObjectKey, count: int = 1) -> None:
        """Lower the counter: objects appeared, or their creation failed or was not tried."""
        expected = self._expected.get(key)
        if expected is not None:
            expected.creations -= count

    def deletion_observed(self, key: ObjectKey, uid: str) -> None:
        """Strike one object out: it is going or gone, or its deletion failed. Idempotent."""
        expected = self._expected.get(key)
        if expected is not None:
            expected.deletions.discard(uid)

    def satisfied(self, key: ObjectKey, now_ns: int) -> bool:
        """Return whether the key may be acted on: all was seen, nothing is known, or expired."""
        expected = self._expected.get(key)
        if expected is None or (expected.creations <= 0 and not expected.deletions):
            return True
        return now_ns - expected.recorded_ns > EXPECTATION_TTL_NS

    def forget(self, key: ObjectKey) -> None:
        """Drop what is known of a key whose object is gone."""
        self._expected.pop(key, None)

    def __len__(self) -> int:
        return len(self._expected)
