"""Taints: a node repels every pod that does not tolerate each of its hard taints."""

from __future__ import annotations

from cluster.scheduler.state import Needs, NodeState


class Taints:
    """Effects NoSchedule and NoExecute; PreferNoSchedule is a matter of scores."""

    def reasons(self, needs: Needs, node: NodeState) -> tuple[str, ...]:
        for taint in node.facts.taints:
            if taint.effect == "PreferNoSchedule":
                continue
            if not any(each.covers(taint) for each in needs.rest.tolerations):
                return (f"node(s) had untolerated taint {{{taint.key}: {taint.value}}}",)
        return ()
