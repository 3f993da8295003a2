"""The node lifecycle controller: nodes that stop to report are told, tainted, and emptied slowly.

Every ``PERIOD_S`` one pass over all nodes (pure, over facts that were read when the nodes changed)
decides who is silent, what the zones are like, and whose turn it is to be emptied. What a node then
lacks is written by its own sync, after a live read: a node that a late watch made look silent is
not. While the API does not answer, or this process stood still, no node grows older.

Emptied means tainted with NoExecute: the taint eviction controller does the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cluster.client.interface import (
    ApiError,
    CachedObject,
    ObjectKey,
    TransportError,
)
from cluster.client.sink import Sink
from cluster.controllers.node_lifecycle.facts import (
    FALSE,
    JUDGED,
    NO_EXECUTE,
    NOT_READY,
    TRUE,
    UNKNOWN,
    UNREACHABLE,
    NodeFacts,
    TaintKey,
    absence_taint,
    facts_of,
    scheduling_taints,
)
from cluster.controllers.node_lifecycle.health import Health
from cluster.controllers.node_lifecycle.writing import make_not_ready, make_unknown, taints_patch
from cluster.controllers.node_lifecycle.zones import Zones
from cluster.controllers.runner import Surroundings, Synced
from serialization.api.coordination.v1_pb2 import Lease
from serialization.api.core.v1_pb2 import Node, ObjectReference, Pod
from serialization.kinds import LEASES, NODES, PODS

PERIOD_S: Final = 5.0
LEASE_NAMESPACE: Final = "kube-node-lease"
TICK: Final = ObjectKey("tick", "")
"""The queue's key of the pass over all nodes."""
PULSE: Final = "/apis"
"""A small page: asked for before each pass, to know whether the API answers."""
PULSE_TRIES: Final = 3
"""One lost request does not mean that no node can be heard."""


class NodeLifecycleController:
    """Judges nodes. Its queue's keys are nodes, and ``TICK``."""

    name: Final = "nodelifecycle"

    def __init__(self, around: Surroundings) -> None:
        self._client = around.client
        self._queue = around.queue
        self._recorder = around.recorder
        self._clock = around.clock
        self._nodes = around.informers.informer(NODES, Node)
        self._leases = around.informers.informer(LEASES, Lease)
        self._pods = around.informers.informer(PODS, Pod)
        self.health: dict[str, Health] = {}
        self.zones = Zones()
        self._deaf_until_s = 0.0
        self._last_pass_s = 0.0
        self._pods_by_node: dict[str, list[ObjectKey]] | None = None
        self._nodes.subscribe(Sink(self.node_seen, self.node_gone))
        self._leases.subscribe(_LeaseSink(self))
        self._queue.add_after(TICK, PERIOD_S)

    @property
    def informers(self) -> Sequence[Synced]:
        return (self._nodes, self._leases, self._pods)

    def node_seen(self, node: CachedObject[Node]) -> None:
        """A node appeared or changed."""
        facts, now_s = facts_of(node.peek()), self._now_s()
        health = self.health.get(node.key.name)
        if health is None:
            health = self.health[node.key.name] = Health(facts, now_s)
        else:
            health.see(facts, now_s)
        if facts.ready == TRUE:
            health.was_ready, health.told = True, False
        lacks = self._lacks(health)
        health.calm = facts.ready == TRUE and not lacks
        if lacks:
            self._queue.add(node.key)

    def node_gone(self, node: CachedObject[Node]) -> None:
        """A node was removed."""
        health = self.health.pop(node.key.name, None)
        if health is not None:
            self.zones.leave(health.facts.zone, node.key.name)

    def lease_seen(self, lease: CachedObject[Lease]) -> None:
        """A lease appeared or changed."""
        if lease.key.namespace == LEASE_NAMESPACE:
            health = self.health.get(lease.key.name)
            if health is not None:
                health.see_lease(lease.resource_version, self._now_s())

    async def sync(self, key: ObjectKey) -> None:
        if key == TICK:
            self._queue.add_after(TICK, PERIOD_S)
            await self._listen()
            self.look_at_all()
            return
        health = self.health.get(key.name)
        if key.namespace or health is None or not self._lacks(health):
            return
        try:
            node = await self._client.get(NODES, Node, key)
        except ApiError as error:
            if error.code == 404:
                return
            raise
        if node.metadata.uid == health.facts.uid:
            await self._bring_up_to_date(node, health)

    async def _listen(self) -> None:
        """Ask the API for a sign of life; without one, nothing that nodes write can be heard."""
        now_s = self._now_s()
        if self._last_pass_s and now_s - self._last_pass_s > 2 * PERIOD_S:
            self._deaf_until_s = now_s  # this process stood still
        for _ in range(PULSE_TRIES):
            try:
                await self._client.document(PULSE)
            except TransportError:
                continue
            except ApiError as error:
                if error.code >= 500 or error.code == 429:
                    continue
            return
        self._deaf_until_s = self._now_s()

    def look_at_all(self) -> None:
        """Judge all nodes and zones; put the nodes that lack something in line."""
        now_s = self._last_pass_s = self._now_s()
        self._pods_by_node = None
        for health in self.health.values():
            health.judge(now_s, self._deaf_until_s)
        were_down = self.zones.all_down
        self.zones.judge(
            (health.facts.zone, health.ready == TRUE)
            for health in self.health.values()
            if health.ready
        )
        if were_down and not self.zones.all_down:
            self._deaf_until_s = now_s  # whatever it was, it was not the nodes: all get new time
        # Nearly all nodes are calm: with those judged in full a pass over 2000 took 12 ms.
        uneasy = [
            (name, health)
            for name, health in self.health.items()
            if health.silent or not health.calm or health.in_line
        ]
        for name, health in uneasy:
            self._line_up(name, health)
        for name in self.zones.take(now_s):
            if name in self.health:  # one that has changed its zone may stand in the old one's line
                self.health[name].may_empty, self.health[name].in_line = True, False
        for name, health in uneasy:
            if self._lacks(health):
                self._queue.add(ObjectKey("", name))

    def _line_up(self, name: str, health: Health) -> None:
        """Have a node wait for its turn to be emptied, or no longer."""
        if self.zones.all_down or not absence_taint(health.ready):
            health.may_empty = health.in_line = False
            self.zones.leave(health.facts.zone, name)
        elif not health.may_empty:
            health.in_line = True
            self.zones.wait(health.facts.zone, name)

    def _wanted(self, health: Health, facts: NodeFacts) -> tuple[TaintKey, ...]:
        """Return the taints that a node should have of those that are this controller's."""
        wanted = scheduling_taints(facts, health.ready)
        key = absence_taint(health.ready)
        if key and not self.zones.all_down and (health.may_empty or _is_emptied(facts)):
            wanted.append((key, NO_EXECUTE))
        return tuple(sorted(wanted))

    def _lacks(self, health: Health) -> bool:
        """Whether there is something to write for a node, as far as the cache knows."""
        facts = health.facts
        if health.silent and any(facts.status_of(kind) != UNKNOWN for kind in JUDGED):
            return True
        if not health.told and health.ready in {FALSE, UNKNOWN}:
            return True
        return self._wanted(health, facts) != facts.taints

    async def _bring_up_to_date(self, node: Node, health: Health) -> None:
        """Write what a node lacks, judged by the node as it has just been read."""
        now_s = self._now_s()
        health.see(facts_of(node), now_s)
        if health.silent and health.lease:
            health.see_lease(await self._lease_version(node.metadata.name, health.lease), now_s)
        wall_s = int(self._clock.now().timestamp())
        if health.silent and make_unknown(node, wall_s):
            node = await self._client.update_status(NODES, node)
        facts = facts_of(node)
        wanted = self._wanted(health, facts)
        if wanted != facts.taints:
            patch = taints_patch(node, wanted, wall_s)
            await self._client.patch(NODES, Node, ObjectKey("", node.metadata.name), patch)
        if health.ready in {FALSE, UNKNOWN} and not health.told:
            await self._tell(node, health)

    async def _lease_version(self, node: str, before: str) -> str:
        try:
            lease = await self._client.get(LEASES, Lease, ObjectKey(LEASE_NAMESPACE, node))
        except ApiError as error:
            if error.code == 404:
                return before  # its going is no sign of life
            raise
        return lease.metadata.resourceVersion

    async def _tell(self, node: Node, health: Health) -> None:
        """Tell that a node is not ready, to whoever reads events and to its pods."""
        name = node.metadata.name
        if health.was_ready:
            about = ObjectReference(kind=NODES.kind, name=name, uid=node.metadata.uid)
            self._recorder.record(about, "NodeNotReady", f"Node {name} status is now: NodeNotReady")
            health.was_ready = False
        for key in self._pods_of(name):
            cached = self._pods.lister.get(key)
            if cached is not None and cached.node_name == name:
                await self._make_not_ready(cached.message())
        health.told = True

    async def _make_not_ready(self, pod: Pod) -> None:
        if not make_not_ready(pod, int(self._clock.now().timestamp())):
            return
        try:
            await self._client.update_status(PODS, pod)
        except ApiError as error:
            if error.code == 404:
                return
            raise
        meta = pod.metadata
        about = ObjectReference(
            apiVersion="v1", kind=PODS.kind, namespace=meta.namespace, name=meta.name, uid=meta.uid
        )
        self._recorder.record(about, "NodeNotReady", "Node is not ready", warning=True)

    def _pods_of(self, node: str) -> list[ObjectKey]:
        """Return the pods of a node: one look through all pods serves all nodes of a pass."""
        if self._pods_by_node is None:
            self._pods_by_node = {}
            for pod in self._pods.lister.list():
                if pod.node_name:
                    self._pods_by_node.setdefault(pod.node_name, []).append(pod.key)
        return self._pods_by_node.get(node, [])

    def _now_s(self) -> float:
        return self._clock.stamp_ns() / 1e9


def _is_emptied(facts: NodeFacts) -> bool:
    return any((key, NO_EXECUTE) in facts.taints for key in (NOT_READY, UNREACHABLE))


class _LeaseSink:
    def __init__(self, loop: NodeLifecycleController) -> None:
        self._loop = loop

    def added(self, new: CachedObject[Lease]) -> None:
        self._loop.lease_seen(new)

    def updated(self, old: CachedObject[Lease], new: CachedObject[Lease]) -> None:
        self._loop.lease_seen(new)

    def deleted(self, last: CachedObject[Lease]) -> None:
        pass
