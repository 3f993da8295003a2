"""The control process: controllers and the scheduler, on one loop and, if shared, on one cache."""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import AsyncExitStack

from cluster.client.informer import InformerFactory
from cluster.controllers.registry import CONTROLLERS
from cluster.processes.assembly import (
    CONTROL_EVENTS_IN_FLIGHT,
    Control,
    Links,
    drain_events,
)
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


async def main(shell: Shell, arguments: argparse.Namespace) -> None:
    """Run controllers and scheduler until the shell is stopped."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(work_client(arguments, shell, "control"))
        in_flight = CONTROL_EVENTS_IN_FLIGHT * (1 + len(CONTROLLERS))
        posts = event_client(arguments, shell, "control", in_flight)
        events = await stack.enter_async_context(posts)
        informers = await stack.enter_async_context(
            InformerFactory(client, shell.clock, shell.random, shared=arguments.shared_informers)
        )
        posting = events if arguments.events else None
        control = Control(Links(client, posting, informers, shell.clock, shell.random))
        count_clients(shell, client, events)
        count_informers(shell, informers)
        count_events(shell, *control.recorders)
        _count_control(shell, control)
        async with asyncio.TaskGroup() as group:
            working = group.create_task(control.run(shell.ready))
            await shell.stopped()
            await drain_events(control.recorders)
            working.cancel()


def _count_control(shell: Shell, control: Control) -> None:
    for name, runner in control.runners.items():
        count_fields(shell, f"{name}_", [runner.workers], "synced failed")
        count_fields(shell, f"{name}_queue_", [control.queues[name]], "adds retries")
    fields = "decided decide_ns bound unschedulable bind_failed"
    count_fields(shell, "scheduler_", [control.scheduler.counts], fields)
    count_fields(shell, "scheduler_", [control.scheduler.decider], "verdicts")


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
