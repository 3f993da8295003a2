"""A controller's own writes until its caches have them: before that, a look shows the past.

The endpoints controllers decide from their cache of what they wrote. Right after a write the cache
still has the old state, and a decision from it would be a conflict, or a second slice for the same
pods. So a service is left alone until the cache has caught up with what was written for it (it is
put in line again then), or half a minute went by: by then an event that has not come was lost.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from cluster.client.interface import ObjectKey

UNSEEN_TTL_S: Final = 30.0


class _Awaited(NamedTuple):
    revision: int
    """0: its removal is awaited."""
    until_ns: int


class Unseen:
    """Writes by the service for which they were made, and by the uid of what was written. Pure."""

    def __init__(self) -> None:
        self._awaited: dict[ObjectKey, dict[str, _Awaited]] = {}
        self._held_back: set[ObjectKey] = set()

    def wrote(self, service: ObjectKey, uid: str, revision: str, now_ns: int) -> None:
        """Await that the cache has this object at this revision, or at a later one."""
        self._await(service, uid, int(revision), now_ns)

    def removed(self, service: ObjectKey, uid: str, now_ns: int) -> None:
        """Await that the cache no longer has this object."""
        self._await(service, uid, 0, now_ns)

    def _await(self, service: ObjectKey, uid: str, revision: int, now_ns: int) -> None:
        until_ns = now_ns + int(UNSEEN_TTL_S * 1e9)
        self._awaited.setdefault(service, {})[uid] = _Awaited(revision, until_ns)

    def settled(self, service: ObjectKey, now_ns: int) -> bool:
        """Return whether the cache has all that was written for a service, or waited too long.

        If not, the service is held back: ``saw`` or ``saw_gone`` says when it is to be looked at.
        """
        for uid, each in [*self._awaited.get(service, {}).items()]:
            if each.until_ns <= now_ns:
                self._strike(service, uid)
        if service not in self._awaited:
            self._held_back.discard(service)
            return True
        self._held_back.add(service)
        return False

    def saw(self, service: ObjectKey, uid: str, revision: str) -> bool:
        """Note what the cache has now; return whether the service must be looked at.

        That is, when somebody else wrote it, or when the service was held back and need not be.
        """
        awaited = self._awaited.get(service, {}).get(uid)
        if awaited is None:
            return True
        if awaited.revision and int(revision) >= awaited.revision:
            self._strike(service, uid)
            return int(revision) > awaited.revision or self._may_go_on(service)
        return False

    def saw_gone(self, service: ObjectKey, uid: str) -> bool:
        """Note that the cache no longer has an object; return as ``saw`` does."""
        awaited = self._awaited.get(service, {}).get(uid)
        if awaited is None:
            return True
        self._strike(service, uid)
        return bool(awaited.revision) or self._may_go_on(service)

    def _strike(self, service: ObjectKey, uid: str) -> None:
        awaited = self._awaited[service]
        del awaited[uid]
        if not awaited:
            del self._awaited[service]

    def _may_go_on(self, service: ObjectKey) -> bool:
        return service in self._held_back and service not in self._awaited

    def __len__(self) -> int:
        return len(self._awaited)
