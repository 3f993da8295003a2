"""Whether a namespace takes new objects: asked by every create, answered by the cache's header."""

from __future__ import annotations

from typing import Final

from cluster.apiserver.errors import forbidden, not_found
from serialization.api.meta.v1_pb2 import StatusCause
from serialization.kinds import NAMESPACES
from serialization.scheme import Resource
from storage.watchcache.cache import WatchCache
from storage.watchcache.fields import fields_of

ACTIVE: Final = "Active"
TERMINATING: Final = "Terminating"
BORN: Final = ("default", "kube-system", "kube-public", "kube-node-lease")
"""The namespaces that every cluster has from its start."""
LASTING: Final = frozenset(("default", "kube-system", "kube-public"))
"""Those that may not be deleted."""

_PHASE: Final = fields_of(NAMESPACES).names.index("status.phase")


async def know_namespace(cache: WatchCache, namespace: str) -> None:
    """Return once the cache has a namespace that the store has: another server may have made it.

    For stores that others write to. Raises FutureRevisionError, StoreUnavailableError.
    """
    if not namespace or cache.of(NAMESPACES).get("", namespace) is not None:
        return
    entry = await cache.store.get(NAMESPACES.key("", namespace))
    if entry is not None:
        await cache.wait_for(entry.revision)


def check_namespace(cache: WatchCache, resource: Resource, namespace: str, name: str) -> None:
    """Refuse a create in a namespace that is not there (404) or is going away (403)."""
    found = cache.of(NAMESPACES).get("", namespace)
    if found is None:
        raise not_found(NAMESPACES, namespace)
    if found.fields[_PHASE] != TERMINATING:
        return
    raise forbidden(
        resource,
        name,
        f"unable to create new content in namespace {namespace} because it is being terminated",
        [
            StatusCause(
                reason="NamespaceTerminating",
                message=f"namespace {namespace} is being terminated",
                field="metadata.namespace",
            )
        ],
    )
