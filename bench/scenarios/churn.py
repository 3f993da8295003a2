"""Churn: pods that come and go on a full cluster, at a rate, each change due at its own moment.

Four sorts of changes take turns, so that each makes up a quarter of the rate:

- *create*: a single pod by the measuring process (a probe: its start-up is exact);
- *grow*: a controller, picked by chance among those at rest, is scaled up by one pod;
- *delete*: the oldest probe that runs;
- *shrink*: the controller that grew longest ago is scaled down again.

Half of the changes go through a controller, as most of a real cluster's do, and half do not. A pod
lives for ``LIFE_S`` at least and is seen running before it goes, so that it is known at any moment
how many pods must have run (``stage.due``); where nothing may go yet, the turn is passed over and
counted. Beside, single objects are read, so that such calls are measured by the client, too.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import Final

from bench.requests import Call
from bench.scenarios.resizing import resize
from bench.scenarios.stage import Stage
from bench.steadiness import READS_PER_S
from bench.workload import mix, pod_template
from cluster.client.interface import ApiError, ObjectKey, TransportError
from serialization.api.core.v1_pb2 import Node, Pod, ReplicationController
from serialization.kinds import NODES, PODS, REPLICATION_CONTROLLERS

LIFE_S: Final = 10.0
LIFE_SHARE_MAX: Final = 0.1
"""Of a short phase: else pods would only come, and never go."""
SETTLERS: Final = 16

CREATE_POD: Final = Call("create", "pods")
DELETE_POD: Final = Call("delete", "pods")
GET_POD: Final = Call("get", "pods")
GET_NODE: Final = Call("get", "nodes")
GET_CONTROLLER: Final = Call("get", "replicationcontrollers")


class Churn:
    """The churn of one steady phase: ``play``, then ``settle``."""

    def __init__(self, stage: Stage) -> None:
        config = stage.config
        self._stage = stage
        self._chance = random.Random(f"churn-{config.seed}")
        self._space = mix.namespaces(config.nodes)[0]
        nominal = {(g.namespace, g.name): g.replicas for g in mix.groups(config.pods, config.nodes)}
        self._sizes = {uid: nominal[named] for uid, named in stage.controllers.items()}
        self._uids = list(stage.controllers)
        self._life_ns = int(min(LIFE_S, LIFE_SHARE_MAX * config.steady_s) * 1e9)
        self._grown: dict[str, int] = {}
        """uid of a controller that was made one too big → since when."""
        self._busy: set[str] = set()
        self._changes = (self._create, self._grow, self._delete, self._shrink)
        self._begin_ns = 0
        self._nodes: list[str] = []
        self.counts = dict.fromkeys(("created", "grown", "deleted", "shrunk", "passed"), 0)
        """Changes that were made, by sort; ``passed``: turns at which nothing could go yet."""

    @property
    def intended(self) -> int:
        """Return how many changes the phase asks for."""
        config = self._stage.config
        return round(config.steady_s * config.churn_per_s)

    async def play(self) -> None:
        """Make all changes, and read beside, until the phase is over and all that came runs."""
        stage, steady_s = self._stage, self._stage.config.steady_s
        self._begin_ns = stage.clock.stamp_ns()
        self._nodes = list(dict.fromkeys(r.node for r in stage.pods.records.values() if r.node))
        async with asyncio.TaskGroup() as group:
            if self.intended:
                turns, pause_s = range(self.intended), 1.0 / stage.config.churn_per_s
                group.create_task(stage.pacer.open_loop(turns, pause_s, self._change))
            reads = range(round(steady_s * READS_PER_S))
            group.create_task(stage.pacer.open_loop(reads, 1.0 / READS_PER_S, self._read))
            group.create_task(asyncio.sleep(steady_s))

    async def settle(self) -> None:
        """Bring every controller back to its size; raises ApiError, TransportError."""

        async def shrink(uid: str, due_ns: int) -> None:
            await resize(self._stage, self._key(uid), self._sizes[uid], due_ns)

        grown = list(self._grown)
        self._grown.clear()
        await self._stage.pacer.closed_loop(grown, SETTLERS, shrink)
        self._stage.to_go += len(grown)

    async def _change(self, number: int, due_ns: int) -> None:
        self._tell()
        with suppress(ApiError, TransportError):  # it is in the request log, and pods will lack
            await self._changes[number % len(self._changes)](number, due_ns)

    async def _create(self, number: int, due_ns: int) -> None:
        stage, name = self._stage, f"probe-{number:05d}"
        stage.due += 1
        self.counts["created"] += 1
        made = await stage.requests.time(
            CREATE_POD,
            stage.client.create(PODS, self._space, pod_template.pod(self._space, name)),
            due_ns,
        )
        stage.probes[made.metadata.uid] = due_ns
        stage.standing[made.metadata.uid] = name

    async def _grow(self, number: int, due_ns: int) -> None:
        stage = self._stage
        rest = [uid for uid in self._uids if self._at_rest(uid)]
        if not rest:
            self.counts["passed"] += 1
            return
        uid = self._chance.choice(rest)
        stage.due += 1
        self.counts["grown"] += 1
        self._grown[uid] = due_ns
        await resize(stage, self._key(uid), self._sizes[uid] + 1, due_ns)

    def _at_rest(self, uid: str) -> bool:
        """Say whether a controller has been seen to have exactly the pods that it is to have.

        One that was shrunk and is grown again before its controller has acted would do neither.
        """
        if uid in self._grown or uid in self._busy:
            return False
        return self._stage.pods.running_of.get(uid, 0) == self._sizes[uid]

    async def _delete(self, number: int, due_ns: int) -> None:
        stage = self._stage
        uid = self._oldest(due_ns)
        if not uid or len(stage.standing) == 1:  # the youngest may be under a read
            self.counts["passed"] += 1
            return
        name = stage.standing.pop(uid)
        self.counts["deleted"] += 1
        stage.to_go += 1
        await stage.requests.time(
            DELETE_POD, stage.client.delete(PODS, ObjectKey(self._space, name)), due_ns
        )

    def _oldest(self, now_ns: int) -> str:
        """Return the uid of the oldest probe that may go; empty where none may."""
        stage = self._stage
        for uid in stage.standing:
            record = stage.pods.records.get(uid)
            if record and record.running_ns and now_ns - stage.probes[uid] >= self._life_ns:
                return uid
        return ""

    async def _shrink(self, number: int, due_ns: int) -> None:
        stage = self._stage
        for uid, since_ns in self._grown.items():
            running = stage.pods.running_of.get(uid, 0)
            if due_ns - since_ns >= self._life_ns and running > self._sizes[uid]:
                break
        else:
            self.counts["passed"] += 1
            return
        del self._grown[uid]
        self._busy.add(uid)
        self.counts["shrunk"] += 1
        stage.to_go += 1
        try:
            await resize(stage, self._key(uid), self._sizes[uid], due_ns)
        finally:
            self._busy.remove(uid)

    async def _read(self, number: int, due_ns: int) -> None:
        self._tell()
        with suppress(ApiError, TransportError):
            await (self._read_pod, self._read_node, self._read_controller)[number % 3](due_ns)

    async def _read_pod(self, due_ns: int) -> None:
        """Read the youngest probe: no turn deletes it as long as the read takes."""
        stage = self._stage
        if stage.standing:
            key = ObjectKey(self._space, next(reversed(stage.standing.values())))
            await stage.requests.time(GET_POD, stage.client.get(PODS, Pod, key), due_ns)

    async def _read_node(self, due_ns: int) -> None:
        stage, key = self._stage, ObjectKey("", self._chance.choice(self._nodes))
        await stage.requests.time(GET_NODE, stage.client.get(NODES, Node, key), due_ns)

    async def _read_controller(self, due_ns: int) -> None:
        stage, key = self._stage, self._key(self._chance.choice(self._uids))
        await stage.requests.time(
            GET_CONTROLLER,
            stage.client.get(REPLICATION_CONTROLLERS, ReplicationController, key),
            due_ns,
        )

    def _key(self, uid: str) -> ObjectKey:
        return ObjectKey(*self._stage.controllers[uid])

    def _tell(self) -> None:
        stage = self._stage
        total = max(1, round(stage.config.steady_s))
        elapsed = int((stage.clock.stamp_ns() - self._begin_ns) / 1e9)
        stage.progress("churn", min(elapsed, total), total)
