"""What follows from a decision: the binding, or telling why there is none."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from cluster.client.events import Recorder
from cluster.client.interface import ApiClient, ApiError, ObjectKey, TransportError
from serialization.api.core import v1_pb2 as core
from serialization.api.meta.v1_pb2 import ObjectMeta, Time
from serialization.errors import DecodeError
from serialization.kinds import PODS
from storage.clock import Clock

logger = logging.getLogger(__name__)


class Placement(NamedTuple):
    """A pod that has been given a node."""

    pod: core.Pod
    key: ObjectKey
    node_name: str


class Refusal(NamedTuple):
    """A pod that no node takes."""

    pod: core.Pod
    message: str


class Outcomes:
    """Carries outcomes to the API server; ``failed`` hears of each binding that was not made."""

    def __init__(
        self,
        client: ApiClient,
        recorder: Recorder,
        clock: Clock,
        failed: Callable[[Placement], None],
    ) -> None:
        self._client = client
        self._recorder = recorder
        self._clock = clock
        self._failed = failed
        self.bound = 0

    async def carry_out(self, outcome: Placement | Refusal) -> None:
        """Bind the pod, or say why it has no node."""
        if isinstance(outcome, Placement):
            await self._bind(outcome)
        else:
            await self._tell(outcome)

    async def _bind(self, placement: Placement) -> None:
        pod, key, node_name = placement
        binding = core.Binding(
            metadata=ObjectMeta(name=key.name, namespace=key.namespace, uid=pod.metadata.uid),
            target=core.ObjectReference(kind="Node", name=node_name),
        )
        try:
            await self._client.bind(key.namespace, binding)
        except (ApiError, TransportError) as error:
            # Refused (409: it has a node already; 404: it is gone), or nobody knows: forget it and
            # look again later; the cache will have the truth by then.
            logger.debug("binding %s to %s failed: %s", key, node_name, error)
            self._failed(placement)
            return
        self.bound += 1
        self._recorder.record(
            _reference(pod), "Scheduled", f"Successfully assigned {key} to {node_name}"
        )

    async def _tell(self, refusal: Refusal) -> None:
        """Say why a pod has no node: an event, and its PodScheduled condition.

        A condition that could not be written is written after the pod's next try.
        """
        pod, message = refusal
        self._recorder.record(_reference(pod), "FailedScheduling", message, warning=True)
        if not _set_unscheduled(pod, message, int(self._clock.now().timestamp())):
            return
        try:
            await self._client.update_status(PODS, pod)
        except (ApiError, TransportError, DecodeError) as error:
            logger.debug("condition of %s not written: %s", pod.metadata.name, error)


def _reference(pod: core.Pod) -> core.ObjectReference:
    metadata = pod.metadata
    return core.ObjectReference(
        apiVersion=PODS.api_version,
        kind=PODS.kind,
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        resourceVersion=metadata.resourceVersion,
    )


def _set_unscheduled(pod: core.Pod, message: str, now_s: int) -> bool:
    """Set PodScheduled=False; return whether the pod did not say just that already."""
    condition = next((c for c in pod.status.conditions if c.type == "PodScheduled"), None)
    if condition is None:
        condition = pod.status.conditions.add(type="PodScheduled")
    same = (condition.status, condition.reason, condition.message)
    if same == ("False", "Unschedulable", message):
        return False
    if condition.status != "False":
        condition.lastTransitionTime.CopyFrom(Time(seconds=now_s))
    condition.status, condition.reason, condition.message = "False", "Unschedulable", message
    return True
