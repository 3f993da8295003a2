"""Density: fill the nodes with pods, keep the full cluster busy for a while, empty it.

*Fill* creates replication controllers (``mix``) and ends when all their pods were seen running.
*Steady* creates pods one by one, open loop: the probes, whose start-up is measured exactly, from
the intended create to the receipt of Running; with ``steady_s`` they are a part of the ``churn``
that goes on for so long, across a compaction. *Delete* scales the controllers to 0, deletes probes
and controllers, and ends when every pod was seen deleted.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from bench.requests import Call
from bench.scenarios.churn import CREATE_POD, DELETE_POD, Churn
from bench.scenarios.resizing import resize
from bench.scenarios.stage import AuditLabel, OldRead, Stage
from bench.workload import mix, pod_template
from cluster.client.interface import ApiError, ObjectKey, Propagation, TransportError
from serialization.kinds import NAMESPACES, PODS, REPLICATION_CONTROLLERS

WORKERS: Final = 16
"""Requests under way at once where no rate is asked for."""
QUIET_S: Final = 0.25
QUIET_S_MAX: Final = 5.0

CREATE_NAMESPACE: Final = Call("create", "namespaces")
CREATE_CONTROLLER: Final = Call("create", "replicationcontrollers")
DELETE_CONTROLLER: Final = Call("delete", "replicationcontrollers")


async def play(stage: Stage) -> None:
    """Play all phases; a phase that stalls is the last one before the clearing up."""
    await _create_namespaces(stage)
    full = await _fill(stage)
    if full and stage.config.steady_s:
        full = await _steady(stage)
    elif full and stage.config.probes:
        full = await _probe(stage)
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
    stage.due += config.pods
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


async def _probe(stage: Stage) -> bool:
    """Create the probes one by one, and nothing else."""
    config = stage.config
    space = mix.namespaces(config.nodes)[0]
    stage.due += config.probes

    async def create(number: int, due_ns: int) -> None:
        stage.progress("steady", stage.pods.running, stage.due)
        name = f"probe-{number:05d}"
        with suppress(ApiError, TransportError):
            made = await stage.requests.time(
                CREATE_POD,
                stage.client.create(PODS, space, pod_template.pod(space, name)),
                due_ns,
            )
            stage.probes[made.metadata.uid] = due_ns
            stage.standing[made.metadata.uid] = name

    async with stage.phase("steady"):
        numbers = range(config.probes)
        await stage.pacer.open_loop(numbers, config.probe_interval_ms / 1000, create)
        return await _reach(stage, "steady", stage.due)


async def _steady(stage: Stage) -> bool:
    """Stay full while pods come and go; then bring all controllers back to their sizes."""
    churn = Churn(stage)
    stage.churn = churn.counts
    gone = stage.pods.gone
    async with stage.phase("steady") as phase:
        await churn.play()
        reached = await _reach(stage, "settle", stage.due)
    stage.old_read = OldRead(phase.begin.revision, await stage.read_at(phase.begin.revision))
    await churn.settle()

    def count() -> int:
        return stage.pods.gone - gone

    return await stage.pods.reach(count, stage.to_go, stage.stall_s) and reached


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
        await resize(stage, ObjectKey(*named), 0, due_ns)

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

    async def remove_probe(name: str, due_ns: int) -> None:
        await stage.requests.time(
            DELETE_POD, stage.client.delete(PODS, ObjectKey(space, name)), due_ns
        )

    def count() -> int:
        stage.progress("delete", stage.pods.gone - before, total)
        return stage.pods.gone - before

    async with stage.phase("delete"):
        controllers = list(stage.controllers.values())
        await stage.pacer.closed_loop(controllers, WORKERS, scale)
        await stage.pacer.closed_loop(list(stage.standing.values()), WORKERS, remove_probe)
        gone = await stage.pods.reach(count, total, stage.stall_s)
        await stage.pacer.closed_loop(controllers, WORKERS, remove)
        stage.controllers.clear()
        return gone
