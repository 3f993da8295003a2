"""Writes the status of pods as kubelets do: GET, change, and PUT or PATCH; again when stale.

``put`` is what kubelets did up to 1.3 and beyond: the whole object goes back, at the version that
was read. ``patch`` is what they do today: a strategic merge patch of what changed, in JSON whatever
the codec, bound to the pod's uid and to no version.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cluster.client.interface import ApiClient, ApiError, ObjectKey, PatchType
from cluster.kubelet.status_patch import status_patch
from serialization.api.core.v1_pb2 import Pod, PodStatus
from serialization.kinds import PODS
from serialization.plain import plain

CONFLICTS_MAX: Final = 5
"""Stale PUTs of one status in a row, after which it backs off like any failure."""


class Writes(StrEnum):
    """How kubelets write the status of pods and nodes."""

    PUT = "put"
    PATCH = "patch"


@dataclass(slots=True)
class StatusCounts:
    """Requests by kind."""

    gets: int = 0
    status_puts: int = 0
    status_patches: int = 0
    status_unchanged: int = 0
    """Statuses that were found to say already what they were to say."""
    conflicts: int = 0


class StatusWriter:
    """Writes statuses of pods."""

    def __init__(self, client: ApiClient, writes: Writes = Writes.PUT) -> None:
        self.client = client
        self._writes = writes
        self.counts = StatusCounts()

    async def get(self, key: ObjectKey) -> Pod | None:
        """GET a pod; None if there is none."""
        self.counts.gets += 1
        try:
            return await self.client.get(PODS, Pod, key)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    async def write(
        self,
        key: ObjectKey,
        change: Callable[[Pod], bool],
        before_send: Callable[[], None],
        *,
        compare: bool = True,
    ) -> Pod | None:
        """Write what ``change`` makes of the present status; return the pod as it was sent.

        ``change`` returns False for a pod that is not to be written. None when it did, or when the
        pod is gone. Without ``compare`` a change is taken to make a difference. Raises ApiError,
        TransportError.
        """
        for attempt in range(CONFLICTS_MAX):
            pod = await self.get(key)
            if pod is None:
                return None
            old = None
            if compare or self._writes is Writes.PATCH:
                old = PodStatus()
                old.CopyFrom(pod.status)
            if not change(pod):
                return None
            if old is not None and pod.status == old:
                self.counts.status_unchanged += 1
                return pod
            try:
                before_send()
                await self._send(key, pod, old)
            except ApiError as error:
                if error.code == 404:
                    return None
                if error.code != 409 or attempt + 1 == CONFLICTS_MAX:
                    raise
                self.counts.conflicts += 1
                continue
            return pod
        return None

    async def _send(self, key: ObjectKey, pod: Pod, old: PodStatus | None) -> None:
        if old is None or self._writes is Writes.PUT:
            self.counts.status_puts += 1
            await self.client.update_status(PODS, pod)
            return
        self.counts.status_patches += 1
        body = status_patch(plain(old), plain(pod.status), pod.metadata.uid)
        await self.client.patch(
            PODS, Pod, key, body, kind=PatchType.STRATEGIC, subresource="status"
        )
