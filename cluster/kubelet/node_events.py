"""What a kubelet reports of its own node."""

from __future__ import annotations

from typing import Final

from cluster.client.events import Recorder
from serialization.api.core.v1_pb2 import ObjectReference
from serialization.kinds import NODES

AT_START: Final = (
    ("Starting", "Starting kubelet."),
    ("NodeAllocatableEnforced", "Updated Node Allocatable limit across pods"),
    ("NodeHasSufficientMemory", "Node {name} status is now: NodeHasSufficientMemory"),
    ("NodeHasNoDiskPressure", "Node {name} status is now: NodeHasNoDiskPressure"),
    ("NodeHasSufficientPID", "Node {name} status is now: NodeHasSufficientPID"),
)
"""Reason and message, in a kubelet's order."""


def tell_started(recorder: Recorder, name: str, *, turned: bool) -> None:
    """Report that a kubelet has started; that its node is ready, where it turned so by that."""
    for reason, message in AT_START:
        recorder.record(_about(name), reason, message.format(name=name))
    if turned:
        tell_ready(recorder, name)


def tell_ready(recorder: Recorder, name: str) -> None:
    """Report that a node is ready (again)."""
    recorder.record(_about(name), "NodeReady", f"Node {name} status is now: NodeReady")


def _about(name: str) -> ObjectReference:
    # A kubelet does not know its Node's uid when it begins to report: it gives the name for it.
    return ObjectReference(kind=NODES.kind, name=name, uid=name)
