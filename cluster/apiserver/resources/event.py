"""Events: what components say about objects; they go by themselves after an hour."""

from __future__ import annotations

from cluster.apiserver.errors import FieldProblem, invalid
from cluster.apiserver.resources.interface import Strategy
from cluster.apiserver.resources.metadata import path_segment_errors
from serialization.api.core.v1_pb2 import Event
from serialization.kinds import EVENTS

DEFAULT_NAMESPACE = "default"
"""Where events about cluster-scoped objects live."""


class EventStrategy(Strategy[Event]):
    """An event must live in the namespace of the object that it is about."""

    resource = EVENTS
    creates_on_update = True
    collected = False
    ttl_s = 3600

    def name_errors(self, name: str) -> list[str]:
        return path_segment_errors(name)

    def validate(self, obj: Event) -> list[FieldProblem]:
        about, namespace = obj.involvedObject.namespace, obj.metadata.namespace
        if about == namespace or (not about and namespace == DEFAULT_NAMESPACE):
            return []
        return [
            invalid("involvedObject.namespace", about, "does not match event.namespace"),
        ]
