"""What a new cluster is born with: its first namespaces."""

from __future__ import annotations

from cluster.apiserver.api import Api
from cluster.apiserver.identity import stamp_new
from cluster.apiserver.namespaces import BORN
from serialization.api.core.v1_pb2 import Namespace
from serialization.kinds import NAMESPACES
from storage.errors import KeyExistsError


async def create_first_namespaces(api: Api) -> None:
    """Create the namespaces that every cluster has, where they are missing."""
    strategy = api.registry.find("", NAMESPACES.version, NAMESPACES.plural)
    if strategy is None:
        return
    for name in BORN:
        namespace = Namespace()
        namespace.metadata.name = name
        stamp_new(namespace.metadata, "", api.clock, api.random)
        strategy.default(namespace)
        strategy.prepare_create(namespace)
        encoded = api.encode(strategy, namespace)
        try:
            await api.store.create(NAMESPACES.key("", name), encoded.value)
        except KeyExistsError:
            continue
