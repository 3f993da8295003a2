"""What the node lifecycle writes into nodes and pods; pure functions on messages."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from cluster.controllers.node_lifecycle.facts import (
    FALSE,
    JUDGED,
    MANAGED,
    READY,
    TRUE,
    UNKNOWN,
    TaintKey,
)
from serialization.api.core.v1_pb2 import Node, Pod, Taint
from serialization.plain import plain

STOPPED: Final = ("NodeStatusUnknown", "Kubelet stopped posting node status.")
NEVER: Final = ("NodeStatusNeverUpdated", "Kubelet never posted node status.")
"""Reasons and messages of conditions that are Unknown."""


def make_unknown(node: Node, now_s: int) -> bool:
    """Set the judged conditions of a silent node to Unknown; tell whether that changed any.

    The times of their last heartbeats stay: they are the node's.
    """
    present = {each.type: each for each in node.status.conditions}
    changed = False
    for kind in JUDGED:
        condition = present.get(kind)
        if condition is None:
            condition = node.status.conditions.add(type=kind)
            condition.lastHeartbeatTime.seconds = node.metadata.creationTimestamp.seconds
            condition.reason, condition.message = NEVER
        elif condition.status == UNKNOWN:
            continue
        else:
            condition.reason, condition.message = STOPPED
        condition.status = UNKNOWN
        condition.lastTransitionTime.Clear()
        condition.lastTransitionTime.seconds = now_s
        changed = True
    return changed


def make_not_ready(pod: Pod, now_s: int) -> bool:
    """Set a pod's Ready condition to False; tell whether it was True."""
    for condition in pod.status.conditions:
        if condition.type == READY and condition.status == TRUE:
            condition.status = FALSE
            condition.lastTransitionTime.Clear()
            condition.lastTransitionTime.seconds = now_s
            return True
    return False


def taints_patch(node: Node, wanted: Iterable[TaintKey], now_s: int) -> bytes:
    """Return the merge patch that gives a node, as it was read, the wanted taints of ``MANAGED``.

    What it has of them keeps its time; taints of others stay as they are.
    """
    left = dict.fromkeys(wanted)
    taints: list[dict[str, object]] = []
    for taint in node.spec.taints:
        kind = (taint.key, taint.effect)
        if kind in left or kind not in MANAGED:
            taints.append(plain(taint))
            left.pop(kind, None)
    for key, effect in left:
        taint = Taint(key=key, effect=effect)
        taint.timeAdded.seconds = now_s
        taints.append(plain(taint))
    change = {
        "metadata": {"resourceVersion": node.metadata.resourceVersion},
        "spec": {"taints": taints or None},
    }
    return json.dumps(change).encode()
