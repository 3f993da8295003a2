"""Density: fill the nodes with pods, watch single pods start on the full cluster, empty it.

*Fill* creates replication controllers (``mix``) and ends when all their pods were seen running.
*Steady* creates pods one by one, open loop: the probes, whose start-up is measured exactly, from
the intended create to the receipt of Running. *Delete* scales the controllers to 0, deletes probes
and controllers, and ends when every pod was seen deleted.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from bench.requests import Call
from bench.scenarios.stage import AuditLabel, Stage
from bench.workload import mix, pod_template
from cluster.client.interface import ApiError, ObjectKey, Propagation, TransportError
from serialization.api.core.v1_pb2 import ReplicationController
from serialization.kinds import NAMESPACES, PODS, REPLICATION_CONTROLLERS

WORKERS: Final = 16
"""Requests under way at once where no rate is asked for."""
CONFLICTS_MAX: Final = 20
QUIET_S: Final = 0.25
QUIET_S_MAX: Final = 5.0

CREATE_NAMESPACE: Final = Call("create", "namespaces")
CREATE_CONTROLLER: Final = Call("create", "replicationcontrollers")
GET_CONTROLLER: Final = Call("get", "replicationcontrollers")
UPDATE_CONTROLLER: Final = Call("update", "replicationcontrollers")
DELETE_CONTROLLER: Final = Call("delete", "replicationcontrollers")
CREATE_POD: Final = Call("create", "pods")
DELETE_POD: Final = Call("delete", "pods")


async def play(stage: Stage) -> None:
    """Play all phases; a phase that stalls is the last one before the clearing up."""
    await _create_namespaces(stage)
    full = await _fill(stage)
    if full and stage.config.probes:
        full = await _steady(stage)
    if full:
        await stage.pods.quiet(QUIET_S, QUIET_S_MAX)
        await stage.audit(AuditLabel("full", running=True))
    if await _delete(stage):
        await stage.audit(AuditLabel("empty", running=False))


async def _create_namespaces(stage: Stage) -> None:
    for name in mix.namespaces(stage.config.nodes):
        made = await stage.requests.time(
            CREATE_NAMESPACE,
            stage.client.create(NAMESPACES, "", pod_template.namespace(name)),
        )
        stage.namespaces[made.metadata.uid] = name


async def _fill(stage: Stage) -> bool:
    config = stage.config
    groups = mix.groups(config.pods, config.nodes)

    async def create(group: mix.Group, due_ns: int) -> None:
        stage.progress("fill", stage.pods.running, config.pods)
        controller = pod_template.replication_controller(*group)
        with suppress(ApiError, TransportError):  # it is in the request log, and pods will lack
            made = await stage.requests.time(
                CREATE_CONTROLLER,
                stage.client.create(REPLICATION_CONTROLLERS, group.namespace, controller),
                due_ns,
            )
            stage.controllers[made.metadata.uid] = (group.namespace, group.name)

    async with stage.phase("fill"):
        stage.origin_ns = stage.clock.stamp_ns()
        if config.rate > 0:
            await stage.pacer.open_loop(groups, 1.0 / config.rate, create)
        else:
            await stage.pacer.closed_loop(groups, WORKERS, create)
        return await _reach(stage, "fill", config.pods)


async def _steady(stage: Stage) -> bool:
    config = stage.config
    space = mix.namespaces(config.nodes)[0]

    async def create(number: int, due_ns: int) -> None:
        stage.progress("steady", stage.pods.running, config.pods + config.probes)
        with suppress(ApiError, TransportError):
            made = await stage.requests.time(
                CREATE_POD,
                stage.client.create(PODS, space, pod_template.pod(space, _probe(number))),
                due_ns,
            )
            stage.probes[made.metadata.uid] = due_ns

    async with stage.phase("steady"):
        numbers = range(config.probes)
        await stage.pacer.open_loop(numbers, config.probe_interval_ms / 1000, create)
        return await _reach(stage, "steady", config.pods + config.probes)


async def _reach(stage: Stage, phase: str, target: int) -> bool:
    def count() -> int:
        stage.progress(phase, stage.pods.running, target)
        return stage.pods.running

    return await stage.pods.reach(count, target, stage.stall_s)


async def _delete(stage: Stage) -> bool:
    space = mix.namespaces(stage.config.nodes)[0]
    total = stage.pods.alive
    before = stage.pods.gone

    async def scale(named: tuple[str, str], due_ns: int) -> None:
        await _scale_to_zero(stage, ObjectKey(*named), due_ns)

    async def remove(named: tuple[str, str], due_ns: int) -> None:
        await stage.requests.time(
            DELETE_CONTROLLER,
            stage.client.delete(
                REPLICATION_CONTROLLERS,
                ObjectKey(*named),
                # As kubectl asks; v1's default would leave an orphaning to be waited for.
                propagation=Propagation.BACKGROUND,
            ),
            due_ns,
        )

    async def remove_probe(number: int, due_ns: int) -> None:
        await stage.requests.time(
            DELETE_POD, stage.client.delete(PODS, ObjectKey(space, _probe(number))), due_ns
        )

    def count() -> int:
        stage.progress("delete", stage.pods.gone - before, total)
        return stage.pods.gone - before

    async with stage.phase("delete"):
        controllers = list(stage.controllers.values())
        await stage.pacer.closed_loop(controllers, WORKERS, scale)
        await stage.pacer.closed_loop(range(len(stage.probes)), WORKERS, remove_probe)
        gone = await stage.pods.reach(count, total, stage.stall_s)
        await stage.pacer.closed_loop(controllers, WORKERS, remove)
        stage.controllers.clear()
        return gone


async def _scale_to_zero(stage: Stage, key: ObjectKey, due_ns: int) -> None:
    """GET and PUT until no one else wrote in between (the controller writes its status)."""
    for _ in range(CONFLICTS_MAX):
        found = await stage.requests.time(
            GET_CONTROLLER,
            stage.client.get(REPLICATION_CONTROLLERS, ReplicationController, key),
            due_ns,
        )
        found.spec.replicas = 0
        try:
            await stage.requests.time(
                UPDATE_CONTROLLER, stage.client.update(REPLICATION_CONTROLLERS, found)
            )
        except ApiError as error:
            if error.code != 409:
                raise
        else:
            return
        due_ns = 0
    raise TransportError(f"{key}: {CONFLICTS_MAX} conflicts in a row")


def _probe(number: int) -> str:
    return f"probe-{number:05d}"
