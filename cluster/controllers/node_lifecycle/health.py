"""Which nodes are alive, by what is observed and when, not by the times that nodes write; pure.

Times are seconds of one monotonic clock. A node's age is the time since a heartbeat of it was last
*seen to change*; while the API could not be asked, no node grows older, for none could be heard.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cluster.controllers.node_lifecycle.facts import UNKNOWN, NodeFacts

GRACE_S: Final = 40.0
"""How long a node may be silent."""
STARTUP_GRACE_S: Final = 60.0
"""The same for one that has never reported."""


@dataclass(slots=True)
class Health:
    """One node, as it is known now."""

    facts: NodeFacts
    heard_s: float
    lease: str = ""
    """The resourceVersion of its lease when that was last seen; empty for a node without."""
    silent: bool = False
    """It has been silent for longer than its grace."""
    may_empty: bool = False
    """Its turn has come to be emptied."""
    told: bool = False
    """That it is not ready has been told to its pods, for as long as it is not."""
    calm: bool = False
    """Nothing is to be written for this version of it, as long as it is not silent."""
    in_line: bool = False
    """It waits for its turn to be emptied."""
    was_ready: bool = False
    """It has been seen ready since it was last told."""

    @property
    def ready(self) -> str:
        """The status of Ready as it should be told: Unknown for a silent node."""
        return UNKNOWN if self.silent else self.facts.ready

    def see(self, facts: NodeFacts, now_s: float) -> None:
        """Take in a new version of the node."""
        if facts.beat != self.facts.beat:
            self.hear(now_s)
        self.facts = facts

    def see_lease(self, version: str, now_s: float) -> None:
        """Take in a version of the node's lease."""
        if version != self.lease:
            self.lease = version
            self.hear(now_s)

    def hear(self, now_s: float) -> None:
        """A sign of life."""
        self.heard_s = now_s
        self.silent = False

    def judge(self, now_s: float, deaf_until_s: float) -> None:
        """Find out whether it has been silent for too long."""
        grace_s = GRACE_S if self.facts.conditions else STARTUP_GRACE_S
        if now_s - max(self.heard_s, deaf_until_s) > grace_s:
            self.silent = True
