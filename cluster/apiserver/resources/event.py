"""Events: what components say about objects; they go by themselves after an hour."""

from __future__ import annotations

from typing import Final

from cluster.apiserver.errors import FieldProblem, invalid, required
from cluster.apiserver.resources.interface import Strategy
from cluster.apiserver.resources.metadata import path_segment_errors
from serialization.api.core.v1_pb2 import Event
from serialization.kinds import EVENTS
from serialization.labels import key_errors

DEFAULT_NAMESPACE = "default"
"""Where events about cluster-scoped objects live."""
WORD_MAX: Final = 128
MESSAGE_MAX: Final = 1024


class EventStrategy(Strategy[Event]):
    """An event must live in the namespace of the object that it is about."""

    resource = EVENTS
    creates_on_update = True
    collected = False
    ttl_s = 3600

    def name_errors(self, name: str) -> list[str]:
        return path_segment_errors(name)

    def validate(self, obj: Event) -> list[FieldProblem]:
        if obj.HasField("eventTime") and (obj.eventTime.seconds or obj.eventTime.nanos):
            return _series_problems(obj)
        about, namespace = obj.involvedObject.namespace, obj.metadata.namespace
        if about == namespace or (not about and namespace == DEFAULT_NAMESPACE):
            return []
        return [_elsewhere(about)]


def _elsewhere(about: str) -> FieldProblem:
    return invalid("involvedObject.namespace", about, "does not match event.namespace")


def _series_problems(obj: Event) -> list[FieldProblem]:
    """Judge an event of the newer sort: it says by whom it is told, and what was done."""
    problems = []
    about, namespace = obj.involvedObject.namespace, obj.metadata.namespace
    if not about and namespace not in {"kube-system", DEFAULT_NAMESPACE}:
        problems.append(_elsewhere(about))
    reporter = obj.reportingComponent
    if not reporter:
        problems.append(required("reportingComponent"))
    problems += [invalid("reportingComponent", reporter, why) for why in key_errors(reporter)]
    for field, text in (
        ("reportingInstance", obj.reportingInstance),
        ("action", obj.action),
        ("reason", obj.reason),
    ):
        if not text:
            problems.append(required(field))
        elif len(text) > WORD_MAX:
            problems.append(invalid(field, "", f"can have at most {WORD_MAX} characters"))
    if len(obj.message) > MESSAGE_MAX:
        problems.append(invalid("message", "", f"can have at most {MESSAGE_MAX} characters"))
    return problems
