"""Endpoints: the addresses behind a service, in one object."""

from __future__ import annotations

from cluster.apiserver.resources.interface import Strategy
from serialization.api.core.v1_pb2 import Endpoints
from serialization.kinds import ENDPOINTS


class EndpointsStrategy(Strategy[Endpoints]):
    """Written by a controller, or by hand for a service without a selector."""

    resource = ENDPOINTS

    def default(self, obj: Endpoints) -> None:
        for subset in obj.subsets:
            for port in subset.ports:
                if not port.protocol:
                    port.protocol = "TCP"
