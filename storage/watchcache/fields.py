"""The registry of selectable fields: what ``fieldSelector`` may name, kind by kind.

``metadata.name`` (and ``metadata.namespace``) come from the key; an entry here adds the rest, and
names the fields by which watches are indexed. Source: the field labels that a real kube-apiserver
accepts and refuses (golden errors.jsonl, ``fieldselector.*``).
"""

from __future__ import annotations

from collections.abc import Callable
from sys import intern
from typing import Final, NamedTuple, cast

from google.protobuf.message import Message

from serialization.api.batch.v1_pb2 import Job
from serialization.api.core.v1_pb2 import (
    Event,
    Namespace,
    Node,
    Pod,
    ReplicationController,
    Secret,
    Service,
)
from serialization.scheme import Resource

Extract = Callable[[Message], tuple[str, ...]]


class FieldSet(NamedTuple):
    """The selectable fields of one kind beyond name and namespace."""

    names: tuple[str, ...]
    extract: Extract
    """Returns the values in the order of ``names``. Repeated values are interned: at 60,000 pods
    a phase or a node's name is then held once."""
    indexed: tuple[str, ...] = ()
    """Those by which watches are looked up instead of tried."""
    held: bool = True
    """Off, fields and labels are not held beside an object but read from its bytes when a selector
    asks (5 us each): for events, of which there are hundreds of thousands and nearly none is ever
    selected, they are half of what an object takes. Needs ``indexed`` to be empty."""


def _boolean(value: bool) -> str:  # noqa: FBT001  a field's value, not a switch
    return "true" if value else "false"


def _pod(message: Message) -> tuple[str, ...]:
    pod = cast("Pod", message)
    spec, status = pod.spec, pod.status
    return (
        intern(spec.nodeName),
        intern(status.phase),
        intern(spec.restartPolicy),
        intern(spec.schedulerName),
        intern(spec.serviceAccountName),
        status.podIP,
        intern(status.nominatedNodeName),
        _boolean(spec.hostNetwork),
    )


def _node(message: Message) -> tuple[str, ...]:
    return (_boolean(cast("Node", message).spec.unschedulable),)


def _event(message: Message) -> tuple[str, ...]:
    event = cast("Event", message)
    involved = event.involvedObject
    component = event.source.component or event.reportingComponent
    return (
        intern(involved.kind),
        intern(involved.namespace),
        involved.name,
        involved.uid,
        intern(involved.apiVersion),
        involved.resourceVersion,
        involved.fieldPath,
        intern(event.reason),
        intern(event.reportingComponent),
        intern(component),
        intern(event.type),
    )


def _namespace(message: Message) -> tuple[str, ...]:
    return (intern(cast("Namespace", message).status.phase),)


def _secret(message: Message) -> tuple[str, ...]:
    return (intern(cast("Secret", message).type),)


def _service(message: Message) -> tuple[str, ...]:
    spec = cast("Service", message).spec
    return (spec.clusterIP, intern(spec.type))


def _replication_controller(message: Message) -> tuple[str, ...]:
    return (str(cast("ReplicationController", message).status.replicas),)


def _job(message: Message) -> tuple[str, ...]:
    return (str(cast("Job", message).status.succeeded),)


def _nothing(_message: Message) -> tuple[str, ...]:
    return ()


NO_FIELDS: Final = FieldSet((), _nothing)

FIELDS: Final[dict[type[Message], FieldSet]] = {
    Pod: FieldSet(
        (
            "spec.nodeName",
            "status.phase",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.podIP",
            "status.nominatedNodeName",
            "spec.hostNetwork",
        ),
        _pod,
        indexed=("spec.nodeName",),
    ),
    Node: FieldSet(("spec.unschedulable",), _node),
    Event: FieldSet(
        (
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ),
        _event,
        held=False,
    ),
    Namespace: FieldSet(("status.phase",), _namespace),
    Secret: FieldSet(("type",), _secret),
    Service: FieldSet(("spec.clusterIP", "spec.type"), _service),
    ReplicationController: FieldSet(("status.replicas",), _replication_controller),
    Job: FieldSet(("status.successful",), _job),
}


def fields_of(resource: Resource) -> FieldSet:
    """Return the kind's entry; kinds without one have name and namespace only."""
    return FIELDS.get(resource.message, NO_FIELDS)


def selectable(resource: Resource) -> tuple[str, ...]:
    """Return every field that a ``fieldSelector`` on this resource may name."""
    scope = ("metadata.name", "metadata.namespace") if resource.namespaced else ("metadata.name",)
    return scope + fields_of(resource).names
