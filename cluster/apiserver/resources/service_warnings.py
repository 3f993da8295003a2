"""What the creator of a service is warned of, though it may be done."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.apiserver.resources.service_validation import is_headless
from serialization.api.core.v1_pb2 import ServiceSpec


def service_warnings(spec: ServiceSpec) -> Iterator[str]:
    """Yield the warnings that a service deserves."""
    if is_headless(spec):
        if spec.loadBalancerIP:
            yield 'spec.loadBalancerIP is ignored when spec.clusterIP is "None"'
        if spec.externalIPs:
            yield 'spec.externalIPs is ignored when spec.clusterIP is "None"'
        if spec.sessionAffinity != "None":
            yield "spec.SessionAffinity is ignored for headless services"
    elif spec.externalIPs:
        yield "spec.externalIPs is deprecated and may no longer be implemented in some clusters"
    if spec.trafficDistribution == "PreferClose":
        yield 'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"'
