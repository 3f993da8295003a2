"""The control process: controllers and the scheduler, on one loop and, if shared, on one cache."""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
import uuid
from contextlib import AsyncExitStack
from typing import Final, NamedTuple

from cluster.client.events import EventRecorder, SilentRecorder
from cluster.client.history import HistoryWriter
from cluster.client.informer import InformerFactory
from cluster.client.interface import ApiClient, ObjectKey
from cluster.client.leader import Candidacy, LeaderElector
from cluster.client.reflector import ReflectorOptions
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
from cluster.processes.keeping_history import add_history_argument, keep_history, recorded
from cluster.processes.layer_places import CLIENT
from cluster.processes.metering import add_attribution_argument, meter
from cluster.processes.shell import Shell, add_shell_arguments, run, shell_options

LOCK: Final = ObjectKey("kube-system", "kubedyno-control")
"""The lease that control processes of one cluster contend for."""


async def main(shell: Shell, arguments: argparse.Namespace) -> None:
    """Run controllers and scheduler until the shell is stopped; when asked to, only as leader."""
    layers = meter(arguments, CLIENT, "threads")
    shell.counters(layers.flat)
    async with AsyncExitStack() as stack:
        stack.enter_context(layers.running())
        history = stack.enter_context(keep_history(shell, arguments.history, "control"))
        client = await stack.enter_async_context(work_client(arguments, shell, "control"))
        in_flight = CONTROL_EVENTS_IN_FLIGHT * (1 + len(CONTROLLERS))
        posts = event_client(arguments, shell, "control", in_flight)
        events = await stack.enter_async_context(posts)
        count_clients(shell, client, events)
        clients = Clients(
            recorded(client, history, "work"),
            recorded(events, history, "events") if arguments.events else None,
        )
        term = _Term(shell, arguments, clients, history)
        if arguments.leader_elect:
            await _contend(shell, term)
        else:
            await term.serve()


class Clients(NamedTuple):
    """What a term works with."""

    work: ApiClient
    events: ApiClient | None
    """Posts events; None: there are none."""


class _Term:
    """Controllers and scheduler, made anew each time that this process comes to lead."""

    def __init__(
        self,
        shell: Shell,
        arguments: argparse.Namespace,
        clients: Clients,
        history: HistoryWriter | None,
    ) -> None:
        self._shell = shell
        self._shared = arguments.shared_informers
        self._initial_events = arguments.initial_events
        self._history = history
        self.client, self.events = clients
        self._said_ready = False

    def ready(self) -> None:
        """Say that this process serves, if it is the first time: standing by is serving, too."""
        if not self._said_ready:
            self._said_ready = True
            self._shell.ready()

    async def serve(self) -> None:
        """Work until the shell is stopped, or until cancelled. Caches start empty."""
        shell = self._shell
        async with InformerFactory(
            self.client,
            shell.clock,
            shell.random,
            shared=self._shared,
            options=ReflectorOptions(initial_events=self._initial_events),
            history=self._history,
        ) as informers:
            links = Links(self.client, self.events, informers, shell.clock, shell.random)
            control = Control(links)
            count_informers(shell, informers)
            count_events(shell, *control.recorders)
            _count_control(shell, control)
            async with asyncio.TaskGroup() as group:
                working = group.create_task(control.run(self.ready))
                await shell.stopped()
                await drain_events(control.recorders)
                informers.record_states()
                working.cancel()


async def _contend(shell: Shell, term: _Term) -> None:
    """Serve whenever this process leads, stand by otherwise, until the shell is stopped."""
    recorders: list[EventRecorder] = []
    if term.events is not None:
        recorders.append(EventRecorder(term.events, shell.clock, component=LOCK.name, workers=1))
    # The seed is the same in every control process of a cluster; an identity must not be.
    candidacy = Candidacy(LOCK, f"{socket.gethostname()}_{uuid.uuid4()}")
    recorder = recorders[0] if recorders else SilentRecorder()
    elector = LeaderElector(term.client, recorder, shell.clock, shell.random, candidacy)
    count_fields(shell, "leader_", [elector], "leading terms renewals failures")
    stopping = False

    async def contend() -> None:
        while not stopping:
            await elector.run(term.serve, term.ready)

    async with asyncio.TaskGroup() as group:
        recording = [group.create_task(each.run()) for each in recorders]
        contending = group.create_task(contend())
        await shell.stopped()
        stopping = True
        if not elector.leading:
            contending.cancel()
        await asyncio.wait((contending,))  # a term that is served ends by itself now
        await drain_events(recorders)
        for task in recording:
            task.cancel()


def _count_control(shell: Shell, control: Control) -> None:
    for name, runner in control.runners.items():
        count_fields(shell, f"{name}_", [runner.workers], "synced failed")
        count_fields(shell, f"{name}_queue_", [control.queues[name]], "adds retries")
    fields = "decided decide_ns unschedulable bind_failed"
    count_fields(shell, "scheduler_", [control.scheduler.counts], fields)
    count_fields(shell, "scheduler_", [control.scheduler.outcomes], "bound")
    count_fields(shell, "scheduler_", [control.scheduler.decider], "verdicts")


def parser() -> argparse.ArgumentParser:
    """Return the command line of this process."""
    made = argparse.ArgumentParser(prog="cluster.processes.control", description=__doc__)
    add_shell_arguments(made)
    add_client_arguments(made)
    add_history_argument(made)
    add_attribution_argument(made)
    made.add_argument("--shared-informers", type=on_or_off, default=True, metavar="on|off")
    made.add_argument(
        "--initial-events",
        type=on_or_off,
        default=False,
        metavar="on|off",
        help="begin with watches that tell the state first, not with lists",
    )
    made.add_argument(
        "--leader-elect",
        type=on_or_off,
        default=False,
        metavar="on|off",
        help="work only while holding a lease, so that of several control processes one does",
    )
    return made


if __name__ == "__main__":
    given = parser().parse_args()
    sys.exit(run(lambda shell: main(shell, given), shell_options(given)))
