"""The services of the protocol by name. A new one is a file here beside and a line below."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import grpc

from storage.serve.etcd3 import auth, cluster_members, health, kv, lease, maintenance, watch
from storage.serve.etcd3.serving import Serving

SERVICES: Final[dict[str, Callable[[Serving], grpc.GenericRpcHandler]]] = {
    kv.SERVICE: kv.service,
    auth.SERVICE: auth.service,
    health.SERVICE: health.service,
    watch.SERVICE: watch.service,
    lease.SERVICE: lease.service,
    maintenance.SERVICE: maintenance.service,
    cluster_members.SERVICE: cluster_members.service,
}
