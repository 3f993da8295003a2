"""Keeps pods off nodes that are cordoned or say that they are not ready."""

from __future__ import annotations

from typing import Final

from cluster.scheduler.state import Needs, NodeState

UNSCHEDULABLE: Final = "node(s) were unschedulable"
NOT_READY: Final = "node(s) were not ready"


class NodeReady:
    """``spec.unschedulable`` and the Ready condition."""

    def reasons(self, needs: Needs, node: NodeState) -> tuple[str, ...]:
        if node.facts.unschedulable:
            return (UNSCHEDULABLE,)
        if not node.facts.ready:
            return (NOT_READY,)
        return ()
