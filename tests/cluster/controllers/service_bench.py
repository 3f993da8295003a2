"""A controller of services beside its fake API, and the objects that it looks at."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from cluster.client.fake import Action, FakeApi
from cluster.client.informer import InformerFactory
from cluster.client.interface import ObjectKey
from cluster.client.workqueue import RateLimitedQueue
from cluster.controllers.runner import Controller, Runner, Surroundings
from serialization.api.core import v1_pb2 as core
from serialization.api.intstr_pb2 import IntOrString
from serialization.api.meta.v1_pb2 import ObjectMeta, Time
from storage.virtual_time import VirtualClock, run_virtual
from tests.cluster.settling import rest

KEY = ObjectKey("ns", "web")
LABELS = {"app": "web"}
NODE = "node-a"
ZONE = "zone-1"


@dataclass
class Said:
    """A recorder that remembers reasons and messages."""

    events: list[tuple[str, str]] = field(default_factory=list)

    def record(
        self, about: core.ObjectReference, reason: str, message: str, *, warning: bool = False
    ) -> None:
        self.events.append((reason, message))


@dataclass
class Bench:
    """A controller, its queue and its API."""

    api: FakeApi
    controller: Controller
    queue: RateLimitedQueue[ObjectKey]
    said: Said

    async def sync(self, key: ObjectKey = KEY) -> list[Action]:
        """Let the caches catch up, sync, let them catch up again; return the writes made."""
        await rest()
        before = len(self.api.acted())
        await self.controller.sync(key)
        await rest()
        return self.api.acted()[before:]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Have the controller at work."""
        runner = Runner(self.controller, self.queue)
        async with asyncio.TaskGroup() as group:
            working = group.create_task(runner.run())
            yield
            working.cancel()


def run_on(
    make: Callable[[Surroundings], Controller], scenario: Callable[[Bench], Awaitable[None]]
) -> None:
    """Run a scenario in virtual time, with a node in a zone."""

    async def main() -> None:
        clock = VirtualClock()
        api = FakeApi(clock)
        api.add(
            core.Node(metadata=ObjectMeta(name=NODE, labels={"topology.kubernetes.io/zone": ZONE}))
        )
        async with InformerFactory(api, clock, random.Random(0)) as informers:
            queue = RateLimitedQueue[ObjectKey]()
            said = Said()
            controller = make(Surroundings(api, informers, queue, said, clock))
            for informer in controller.informers:
                await informer.wait_synced()
            await scenario(Bench(api, controller, queue, said))

    run_virtual(main())


def port(number: int = 80, target: int | str = 0, name: str = "", **rest: Any) -> core.ServicePort:
    return core.ServicePort(
        name=name,
        port=number,
        protocol=rest.pop("protocol", "TCP"),
        targetPort=IntOrString(type=1, strVal=target)
        if isinstance(target, str)
        else IntOrString(intVal=target or number),
        **rest,
    )


def service(*ports: core.ServicePort, **spec: Any) -> core.Service:
    selector = spec.pop("selector", LABELS)
    return core.Service(
        metadata=ObjectMeta(namespace=KEY.namespace, name=KEY.name, labels=spec.pop("labels", {})),
        spec=core.ServiceSpec(
            selector=selector, ports=ports, clusterIP=spec.pop("clusterIP", "10.96.0.1"), **spec
        ),
    )


def pod(
    name: str,
    ip: str = "",
    *,
    ready: bool = True,
    labels: dict[str, str] | None = None,
    phase: str = "Running",
    ports: dict[str, int] | None = None,
    since_s: int = 0,
    **spec: Any,
) -> core.Pod:
    made = core.Pod(
        metadata=ObjectMeta(
            namespace=KEY.namespace, name=name, labels=LABELS if labels is None else labels
        ),
        spec=core.PodSpec(
            nodeName=spec.pop("nodeName", NODE),
            containers=[
                core.Container(
                    name="c",
                    ports=[
                        core.ContainerPort(name=each, containerPort=number, protocol="TCP")
                        for each, number in (ports or {}).items()
                    ],
                )
            ],
            **spec,
        ),
        status=core.PodStatus(phase=phase, podIP=ip, podIPs=[core.PodIP(ip=ip)] if ip else []),
    )
    condition = made.status.conditions.add()
    condition.type, condition.status = "Ready", "True" if ready else "False"
    condition.lastTransitionTime.CopyFrom(Time(seconds=since_s))
    return made
