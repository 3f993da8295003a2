"""Whose pods are whose: controllers adopt what they select and nobody has, and release the rest.

Both are strategic patches of one owner reference that carry the pod's uid: they meet that very
pod, whatever its kubelet writes meanwhile, or fail (422). That a pod gets two controllers, when two
adopt it at once, the server refuses in the same way; the second then looks again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import orjson

from cluster.client.interface import ApiClient, ApiError, CachedObject, PatchType
from cluster.client.selector_index import pairs_of
from serialization.api.core.v1_pb2 import Pod
from serialization.api.meta.v1_pb2 import OwnerReference
from serialization.kinds import PODS
from serialization.plain import plain
from serialization.selectors import LabelSelector

BY_CONTROLLER: Final = "controller-uid"
ORPHANS: Final = "orphans"

FINISHED: Final = frozenset(("Succeeded", "Failed"))


def controller_of(pod: CachedObject[Pod]) -> Iterable[str]:
    """File a pod under its controller's uid (an informer's index, ``BY_CONTROLLER``)."""
    return (pod.owner_uid,) if pod.owner_uid else ()


def orphan_places(pod: CachedObject[Pod]) -> Iterable[str]:
    """File a pod without a controller where those who may want it look (``ORPHANS``)."""
    if pod.owner_uid:
        return ()
    namespace = pod.key.namespace
    return (namespace, *(f"{namespace}/{key}={value}" for key, value in pod.labels.items()))


def orphan_place(namespace: str, selector: LabelSelector) -> str:
    """Return a narrow place of ``ORPHANS`` that holds all that a selector picks."""
    for key, value in pairs_of(selector):
        return f"{namespace}/{key}={value}"
    return namespace


def is_active(pod: CachedObject[Pod]) -> bool:
    """Return whether a pod is neither finished nor being deleted."""
    return not pod.deleting and pod.phase not in FINISHED


class Ownership:
    """Adopts and releases pods. Raises ApiError (look again), TransportError."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self.adopted = 0
        self.released = 0

    async def adopt(self, pod: CachedObject[Pod], owner: OwnerReference) -> Pod | None:
        """Make ``owner`` the controller of a pod that has none; return the pod, None if gone."""
        try:
            adopted = await self._patch(pod, plain(owner))
        except ApiError as error:
            if error.code == 404:
                return None
            raise
        self.adopted += 1
        return adopted

    async def release(self, pod: CachedObject[Pod], uid: str) -> None:
        """Take the owner of this uid off a pod; nothing to do when it is gone, or another."""
        try:
            await self._patch(pod, {"$patch": "delete", "uid": uid})
        except ApiError as error:
            if error.code not in {404, 422}:
                raise
            return
        self.released += 1

    async def _patch(self, pod: CachedObject[Pod], reference: Mapping[str, object]) -> Pod:
        """Merge an owner reference into a pod's list, where the uid is the key."""
        body = {"metadata": {"uid": pod.uid, "ownerReferences": [reference]}}
        return await self._client.patch(
            PODS, Pod, pod.key, orjson.dumps(body), kind=PatchType.STRATEGIC
        )
