"""The quality-of-service class of a pod, by its requests and limits."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

from serialization.api.core.v1_pb2 import PodSpec
from serialization.api.resource_pb2 import Quantity
from serialization.quantity import compare, nano_value

COMPUTE = ("cpu", "memory")


def qos_class(spec: PodSpec) -> str:
    """Return Guaranteed, BestEffort or Burstable.

    Guaranteed: every container has limits of CPU and memory, and requests no less. BestEffort:
    nothing is asked for at all.
    """
    guaranteed = True
    anything = False
    for container in chain(spec.containers, spec.initContainers):
        resources = container.resources
        limits, requests = resources.limits, resources.requests
        if not limits and not requests:
            guaranteed = False
            continue
        if any(_asked(amounts, name) for amounts in (limits, requests) for name in COMPUTE):
            anything = True
        if not all(
            _asked(limits, name)
            and (name not in requests or compare(requests[name].string, limits[name].string) == 0)
            for name in COMPUTE
        ):
            guaranteed = False
    if not anything:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def _asked(amounts: Mapping[str, Quantity], name: str) -> bool:
    return name in amounts and nano_value(amounts[name].string) > 0
