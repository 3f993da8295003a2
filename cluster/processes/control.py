"""The control process: controllers and the scheduler, on one loop and, if shared, on one cache."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack

from cluster.client.events import EventRecorder, Recorder, SilentRecorder
from cluster.client.informer import InformerFactory
from cluster.client.interface import ObjectKey
from cluster.client.rest import RestClient
from cluster.client.workqueue import RateLimitedQueue
from cluster.controllers.registry import CONTROLLERS
from cluster.controllers.runner import Runner, Surroundings
from cluster.processes.client_arguments import (
    add_client_arguments,
    event_client,
    on_or_off,
    work_client,
)
from cluster.processes.counting import (
    count_clients,
    count_events,
    count_fields,
    count_informers,
)
from cluster.processes.shell import Shell, add_shell_arguments, run, shell_options
from cluster.scheduler.scheduler import Scheduler


class _Control:
    """The parts of the process and how they are wired."""

    def __init__(
        self,
        shell: Shell,
        client: RestClient,
        informers: InformerFactory,
        recorder_for: Callable[[str], Recorder],
    ) -> None:
        self.scheduler = Scheduler(
            client,
            informers,
            recorder_for("default-scheduler"),
            shell.clock,
            random.Random(shell.random.getrandbits(64)),
        )
        self.runners: list[Runner] = []
        for name, make in CONTROLLERS.items():
            queue = RateLimitedQueue[ObjectKey]()
            recorder = recorder_for(f"{name}-controller")
            around = Surroundings(client, informers, queue, recorder, shell.clock)
            runner = Runner(make(around), queue)
            self.runners.append(runner)
            _count_runner(shell, name, runner, queue)
        _count_scheduler(shell, self.scheduler)

    async def wait_synced(self) -> None:
        """Return once every cache has its first list."""
        await self.scheduler.wait_synced()
        for runner in self.runners:
            await runner.wait_synced()


async def main(shell: Shell, arguments: argparse.Namespace) -> None:
    """Run controllers and scheduler until the shell is stopped."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(work_client(arguments, shell, "control"))
        events = await stack.enter_async_context(event_client(arguments, shell, "control"))
        informers = await stack.enter_async_context(
            InformerFactory(client, shell.clock, shell.random, shared=arguments.shared_informers)
        )
        recorders: list[EventRecorder] = []

        def recorder_for(component: str) -> Recorder:
            if not arguments.events:
                return SilentRecorder()
            recorders.append(EventRecorder(events, shell.clock, component=component))
            return recorders[-1]

        control = _Control(shell, client, informers, recorder_for)
        count_clients(shell, client, events)
        count_informers(shell, informers)
        count_events(shell, *recorders)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(recorder.run()) for recorder in recorders]
            tasks.extend(group.create_task(runner.run()) for runner in control.runners)
            tasks.append(group.create_task(control.scheduler.run()))
            await control.wait_synced()
            shell.ready()
            await shell.stopped()
            for task in tasks:
                task.cancel()


def _count_runner(
    shell: Shell, name: str, runner: Runner, queue: RateLimitedQueue[ObjectKey]
) -> None:
    count_fields(shell, f"{name}_", [runner.workers], "synced failed")
    count_fields(shell, f"{name}_queue_", [queue], "adds retries")


def _count_scheduler(shell: Shell, scheduler: Scheduler) -> None:
    fields = "decided decide_ns bound unschedulable bind_failed"
    count_fields(shell, "scheduler_", [scheduler.counts], fields)
    count_fields(shell, "scheduler_", [scheduler.decider], "verdicts")


def parser() -> argparse.ArgumentParser:
    """Return the command line of this process."""
    made = argparse.ArgumentParser(prog="cluster.processes.control", description=__doc__)
    add_shell_arguments(made)
    add_client_arguments(made)
    made.add_argument("--shared-informers", type=on_or_off, default=True, metavar="on|off")
    return made


if __name__ == "__main__":
    given = parser().parse_args()
    sys.exit(run(lambda shell: main(shell, given), shell_options(given)))
