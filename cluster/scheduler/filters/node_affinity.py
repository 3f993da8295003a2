"""Required node affinity: one of the pod's terms must match the node."""

from __future__ import annotations

from cluster.scheduler.filters.node_selector import MISMATCH
from cluster.scheduler.state import Needs, NodeState


class NodeAffinity:
    """``requiredDuringSchedulingIgnoredDuringExecution``; terms are alternatives."""

    def reasons(self, needs: Needs, node: NodeState) -> tuple[str, ...]:
        terms = needs.rest.required
        if terms is None:
            return ()
        facts = node.facts
        if any(term.matches(facts.name, facts.labels) for term in terms):
            return ()
        return (MISMATCH,)
