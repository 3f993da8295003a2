"""The scheduler's model of the cluster: nodes, and what the pods on them ask for.

Pure and synchronous. A pod counts on its node from the moment it is *assumed* there, before the
binding is sent, so that the next decision sees it; the informer's event confirms it, a binding that
fails takes it back. Every number is an integer (millicores, bytes), so nothing drifts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from cluster.scheduler.constraints import UNCONSTRAINED, Constraints, Taint

CHANGES_MAX: Final = 65_536
"""Changes that are kept; who has fallen further behind than that looks at every node again."""


class Needs(NamedTuple):
    """What a pod asks of a node. Pods of one template share one value, which is a dict key."""

    cpu_milli: int
    memory_bytes: int
    scored_cpu_milli: int
    """As above, with the default that scoring assumes where nothing is asked for."""
    scored_memory_bytes: int
    selector: tuple[tuple[str, str], ...] = ()
    """``spec.nodeSelector``, sorted."""
    rest: Constraints = UNCONSTRAINED


class NodeFacts(NamedTuple):
    """What the scheduler reads of a Node; equal facts mean that nothing changed for pods."""

    name: str
    cpu_milli: int
    memory_bytes: int
    pods: int
    labels: Mapping[str, str]
    ready: bool
    unschedulable: bool
    taints: tuple[Taint, ...] = ()
    pressures: tuple[str, ...] = ()
    """Which of MemoryPressure, DiskPressure and PIDPressure it reports."""
    zone: str = ""
    """Region and zone, as one text; empty where the labels name neither."""
    resources: tuple[tuple[str, int], ...] = ()
    """Allocatable beside CPU, memory and pods, by name, sorted; whole units."""


@dataclass(slots=True, eq=False)
class NodeState:
    """A node and the sums over its pods. Read-only outside this module."""

    facts: NodeFacts
    position: int
    """In ``ClusterState.nodes``."""
    cpu_milli: int = 0
    """Asked for by its pods."""
    memory_bytes: int = 0
    scored_cpu_milli: int = 0
    scored_memory_bytes: int = 0
    pods: dict[str, Needs] = field(default_factory=dict)
    """By uid, assumed ones included."""


class ClusterState:
    """Nodes in a stable order, and which pod is where."""

    def __init__(self) -> None:
        self.nodes: list[NodeState] = []
        """In order of arrival; ``layout`` changes whenever positions in it do."""
        self.layout = 0
        self.changes: list[int] = []
        """Positions of nodes in order of their changes; the oldest are dropped now and then."""
        self.changes_dropped = 0
        self.zones: list[str] = []
        """Of the nodes, by position."""
        self.names: list[str] = []
        """The same of their names."""
        self.zoned = 0
        """How many nodes are in a zone."""
        self.softly_tainted = 0
        """How many nodes have a PreferNoSchedule taint."""
        self._by_name: dict[str, NodeState] = {}
        self._node_of: dict[str, str] = {}
        self._homeless: dict[str, dict[str, Needs]] = {}
        self._assumed: set[str] = set()

    def __len__(self) -> int:
        return len(self.nodes)

    def node(self, name: str) -> NodeState | None:
        """Return a node by name."""
        return self._by_name.get(name)

    def located(self, counts: Mapping[str, int]) -> list[tuple[int, int]]:
        """Return (position, count) of the nodes that are known among those counted by name."""
        known = self._by_name.get
        return [
            (node.position, count)
            for name, count in counts.items()
            if (node := known(name)) is not None
        ]

    def zone_of(self, name: str) -> str:
        """Return the zone of a node, empty where it has none or is not known."""
        node = self._by_name.get(name)
        return "" if node is None else node.facts.zone

    def node_of(self, uid: str) -> str:
        """Return the name of the node that a pod is counted on, or empty."""
        return self._node_of.get(uid, "")

    def set_node(self, facts: NodeFacts) -> bool:
        """Add or change a node; return whether a pod that fitted nowhere might fit now."""
        node = self._by_name.get(facts.name)
        if node is None:
            node = NodeState(facts, len(self.nodes))
            self._by_name[facts.name] = node
            self.nodes.append(node)
            self.zones.append(facts.zone)
            self.names.append(facts.name)
            self._tally(facts, 1)
            self.layout += 1
            for uid, needs in self._homeless.pop(facts.name, {}).items():
                self._count(node, uid, needs)
            return True
        if node.facts == facts:
            return False
        self._tally(node.facts, -1)
        self._tally(facts, 1)
        node.facts = facts
        self.zones[node.position] = facts.zone
        self._changed(node)
        return True

    def remove_node(self, name: str) -> None:
        """Forget a node; its pods are kept until they go, or until it comes back."""
        node = self._by_name.pop(name, None)
        if node is None:
            return
        self._tally(node.facts, -1)
        del self.nodes[node.position]
        del self.zones[node.position]
        del self.names[node.position]
        for position in range(node.position, len(self.nodes)):
            self.nodes[position].position = position
        self.layout += 1
        if node.pods:
            self._homeless[name] = node.pods

    def assume(self, uid: str, node_name: str, needs: Needs) -> None:
        """Count a pod on the node that was chosen for it, ahead of its binding."""
        assert uid not in self._node_of, "a pod is assumed once"
        self._place(uid, node_name, needs)
        self._assumed.add(uid)

    def is_assumed(self, uid: str) -> bool:
        """Return whether a pod's binding has not been seen yet."""
        return uid in self._assumed

    def forget(self, uid: str) -> bool:
        """Take an assumption back: the binding failed; return whether that gave back room.

        A pod seen bound meanwhile stays.
        """
        return uid in self._assumed and self.remove_pod(uid)

    def observe(self, uid: str, node_name: str, needs: Needs) -> None:
        """Count a pod that was seen on a node; confirms an assumption, or corrects it."""
        self._assumed.discard(uid)
        at = self._node_of.get(uid)
        if at == node_name:
            return
        if at is not None:
            self.remove_pod(uid)
        self._place(uid, node_name, needs)

    def confirmed_on(self, uid: str, node_name: str) -> bool:
        """Return whether a pod is already counted on that node; confirms an assumption."""
        if self._node_of.get(uid) != node_name:
            return False
        self._assumed.discard(uid)
        return True

    def remove_pod(self, uid: str) -> bool:
        """Stop counting a pod that is gone or finished; return whether it was counted."""
        self._assumed.discard(uid)
        name = self._node_of.pop(uid, None)
        if name is None:
            return False
        node = self._by_name.get(name)
        if node is None:
            pods = self._homeless.get(name, {})
            pods.pop(uid, None)
            if not pods:
                self._homeless.pop(name, None)
            return False
        needs = node.pods.pop(uid)
        node.cpu_milli -= needs.cpu_milli
        node.memory_bytes -= needs.memory_bytes
        node.scored_cpu_milli -= needs.scored_cpu_milli
        node.scored_memory_bytes -= needs.scored_memory_bytes
        self._changed(node)
        return True

    def _tally(self, facts: NodeFacts, by: int) -> None:
        self.zoned += by * bool(facts.zone)
        soft = any(taint.effect == "PreferNoSchedule" for taint in facts.taints)
        self.softly_tainted += by * soft

    def _place(self, uid: str, node_name: str, needs: Needs) -> None:
        self._node_of[uid] = node_name
        node = self._by_name.get(node_name)
        if node is None:
            self._homeless.setdefault(node_name, {})[uid] = needs
        else:
            self._count(node, uid, needs)

    def _count(self, node: NodeState, uid: str, needs: Needs) -> None:
        node.pods[uid] = needs
        node.cpu_milli += needs.cpu_milli
        node.memory_bytes += needs.memory_bytes
        node.scored_cpu_milli += needs.scored_cpu_milli
        node.scored_memory_bytes += needs.scored_memory_bytes
        self._changed(node)

    def _changed(self, node: NodeState) -> None:
        changes = self.changes
        changes.append(node.position)
        if len(changes) > CHANGES_MAX:
            del changes[: CHANGES_MAX // 2]
            self.changes_dropped += CHANGES_MAX // 2
