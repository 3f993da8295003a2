"""Soft taints: nodes that would rather not have a pod are taken last."""

from __future__ import annotations

from cluster.scheduler.plugins import MAX_SCORE, Asked, Window


class TaintToleration:
    """How many PreferNoSchedule taints a pod does not tolerate, relative to the worst node."""

    def adjust(self, asked: Asked, window: Window) -> None:
        if not window.state.softly_tainted:
            return
        tolerations = asked.needs.rest.tolerations
        against: dict[int, int] = {}
        for at, node in window.feasible():
            soft = [taint for taint in node.facts.taints if taint.effect == "PreferNoSchedule"]
            count = sum(not any(t.covers(taint) for t in tolerations) for taint in soft)
            if count:
                against[at] = count
        most = max(against.values(), default=0)
        for at, count in against.items():
            window.scores[at] -= MAX_SCORE * count // most
