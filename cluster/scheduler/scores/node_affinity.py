"""Preferred node affinity: the more weight of a pod's wishes a node meets, the better."""

from __future__ import annotations

from cluster.scheduler.plugins import MAX_SCORE, Asked, Window


class PreferredAffinity:
    """The weights of the terms that match, relative to the best of the nodes looked at."""

    def adjust(self, asked: Asked, window: Window) -> None:
        wishes = asked.needs.rest.preferred
        if not wishes:
            return
        met: dict[int, int] = {}
        for at, node in window.feasible():
            facts = node.facts
            met[at] = sum(
                each.weight for each in wishes if each.term.matches(facts.name, facts.labels)
            )
        most = max(met.values(), default=0)
        if most <= 0:
            return
        for at, weight in met.items():
            window.scores[at] += MAX_SCORE * weight // most
