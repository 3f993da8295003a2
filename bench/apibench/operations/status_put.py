"""``status-put``: what a kubelet of 1.3 does: PUT of the whole pod to its status, in the codec."""

from __future__ import annotations

from bench.apibench.operations.rewriting import Rewriting
from bench.apibench.pods import running_status
from serialization.api.core.v1_pb2 import Pod


def _run(pod: Pod, message: str) -> None:
    pod.status.CopyFrom(running_status(message))


OPERATION = Rewriting(
    "PUT pods/status",
    "a kubelet's PUT of a running pod, its status changed each time",
    "status",
    _run,
)
