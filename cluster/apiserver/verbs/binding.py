"""POST of a Binding: the one write that gives a pod its node."""

from __future__ import annotations

from datetime import datetime

from google.protobuf.message import Message

from cluster.apiserver.api import Api
from cluster.apiserver.asgi import Answer
from cluster.apiserver.calls import Call
from cluster.apiserver.errors import (
    bad_request,
    conflict_on,
    invalid_object,
    unreasoned,
    wrong_uid,
)
from cluster.apiserver.objects import Stored
from cluster.apiserver.resources.metadata import annotation_problems
from cluster.apiserver.verbs.rewriting import newest_known, write_changed
from cluster.apiserver.verbs.success import success_answer
from serialization.api.core.v1_pb2 import Binding, Pod
from serialization.kinds import BINDINGS, PODS
from serialization.scheme import metadata_of

SCHEDULED = "PodScheduled"


async def bind_pod(api: Api, call: Call) -> Answer:
    """Serve ``pods/NAME/binding``. 409 when the pod has a node already."""
    binding = await _read(api, call)
    if binding.metadata.name != call.route.name:
        raise bad_request("name in URL does not match name in Binding object")
    return await _bind(api, call, binding)


async def bind_any(api: Api, call: Call) -> Answer:
    """Serve the ``bindings`` collection, the older path to the same."""
    binding = await _read(api, call)
    call.route = call.route._replace(plural=PODS.plural, name=binding.metadata.name)
    pods = api.registry.find("", "v1", PODS.plural)
    if pods is None:
        raise LookupError("bindings are served without pods")
    call.strategy = pods
    return await _bind(api, call, binding)


async def _read(api: Api, call: Call) -> Binding:
    bindings = api.registry.find("", "v1", BINDINGS.plural)
    if bindings is None:
        raise LookupError("a binding came, but bindings are not served")
    binding = await api.body(call, bindings)
    if not isinstance(binding, Binding):
        raise TypeError(type(binding))
    namespace = binding.metadata.namespace
    if namespace and namespace != call.route.namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    target = binding.target
    if target.kind not in {"", "Node"}:
        raise unreasoned(
            f'target.kind: Unsupported value: "{target.kind}": supported values: "Node", "<empty>"'
        )
    if not target.name:
        raise unreasoned("target.name: Required value")
    return binding


async def _bind(api: Api, call: Call, binding: Binding) -> Answer:
    now = api.clock.now()

    def change(stored: Stored) -> Message:
        pod = stored.message
        if not isinstance(pod, Pod):
            raise TypeError(type(pod))
        _check(call, pod, uid=binding.metadata.uid)
        assign(pod, binding, now)
        _judge(pod, binding)
        return pod

    await write_changed(api, call, await newest_known(api, call, 0), change)
    return success_answer(api, call, 201)


def assign(pod: Pod, binding: Binding, now: datetime) -> None:
    """Give a pod its node, the binding's annotations, and the condition that says so."""
    pod.spec.nodeName = binding.target.name
    pod.metadata.annotations.update(binding.metadata.annotations)
    for condition in pod.status.conditions:
        if condition.type == SCHEDULED:
            break
    else:
        condition = pod.status.conditions.add(type=SCHEDULED)
    if condition.status != "True":
        condition.status = "True"
        condition.lastTransitionTime.Clear()
        condition.lastTransitionTime.seconds = int(now.timestamp())
    condition.ClearField("reason")
    condition.ClearField("message")


def _judge(pod: Pod, binding: Binding) -> None:
    """Refuse annotations that no pod may have: later writes trust what is stored.

    A real server stores them; it judges all metadata with every write.
    """
    if not binding.metadata.annotations:
        return
    problems = annotation_problems(pod.metadata.annotations, "metadata.annotations")
    if problems:
        raise invalid_object(PODS.kind, pod.metadata.name, problems)


def _check(call: Call, pod: Pod, *, uid: str) -> None:
    name = pod.metadata.name
    found = metadata_of(pod).uid
    if uid and uid != found:
        raise wrong_uid(PODS, call.key, wanted=uid, found=found)
    why = ""
    if pod.metadata.HasField("deletionTimestamp"):
        why = f"pod {name} is being deleted, cannot be assigned to a host"
    elif pod.spec.nodeName:
        why = f'pod {name} is already assigned to node "{pod.spec.nodeName}"'
    elif pod.spec.schedulingGates:
        why = f"pod {name} has non-empty .spec.schedulingGates"
    if why:
        raise conflict_on("pods/binding", name, why)
