from __future__ import annotations

import pytest
from google.protobuf.message import Message

from serialization.api.core.v1_pb2 import Event, Node, Pod
from serialization.kinds import NAMESPACES, PODS
from storage.watchcache.fields import FIELDS, fields_of, selectable


@pytest.mark.parametrize("kind", list(FIELDS), ids=lambda kind: kind.DESCRIPTOR.name)
def test_every_entry_gives_a_value_for_every_name_even_of_an_empty_object(
    kind: type[Message],
) -> None:
    entry = FIELDS[kind]

    values = entry.extract(kind())

    assert len(values) == len(entry.names) == len(set(entry.names))
    assert all(isinstance(value, str) for value in values)
    assert set(entry.indexed) <= set(entry.names)


def values(message: Message) -> dict[str, str]:
    entry = FIELDS[type(message)]
    return dict(zip(entry.names, entry.extract(message), strict=True))


def test_pod_fields_are_read_from_spec_and_status() -> None:
    pod = Pod()
    pod.spec.nodeName, pod.spec.restartPolicy, pod.spec.hostNetwork = "n1", "Never", True
    pod.status.phase, pod.status.podIP = "Running", "10.0.0.1"

    told = values(pod)

    assert told["spec.nodeName"] == "n1"
    assert told["spec.restartPolicy"] == "Never"
    assert told["spec.hostNetwork"] == "true"
    assert told["status.phase"] == "Running"
    assert told["status.podIP"] == "10.0.0.1"


def test_node_and_event_fields_are_read() -> None:
    cordoned = Node()
    cordoned.spec.unschedulable = True
    event = Event()
    event.involvedObject.kind, event.reason = "Pod", "Scheduled"
    event.source.component, event.type = "scheduler", "Normal"

    assert values(cordoned) == {"spec.unschedulable": "true"}
    told = values(event)
    assert told["involvedObject.kind"] == "Pod"
    assert (told["reason"], told["source"], told["type"]) == ("Scheduled", "scheduler", "Normal")


def test_only_namespaced_kinds_can_be_selected_by_namespace() -> None:
    assert selectable(PODS)[:2] == ("metadata.name", "metadata.namespace")
    assert selectable(NAMESPACES) == ("metadata.name", "status.phase")
    assert fields_of(PODS).indexed == ("spec.nodeName",)
