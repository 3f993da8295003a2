"""``spec.nodeSelector``: the node must carry every label that the pod names."""

from __future__ import annotations

from typing import Final

from cluster.scheduler.state import Needs, NodeState

MISMATCH: Final = "node(s) didn't match Pod's node affinity/selector"


class NodeSelector:
    """Equality of all pairs."""

    def reasons(self, needs: Needs, node: NodeState) -> tuple[str, ...]:
        labels = node.facts.labels
        if all(labels.get(key) == value for key, value in needs.selector):
            return ()
        return (MISMATCH,)
