"""The nodes process: hollow nodes, each with its own watches, all with the same few connections.

``--server`` may name several API servers of one store, ``URL,URL``: the nodes take turns.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

from cluster.apiserver.listener import bind, listen
from cluster.client.history import HistoryWriter
from cluster.client.informer import InformerFactory
from cluster.client.rest import RestClient
from cluster.kubelet.fleet import Fleet, FleetOptions
from cluster.kubelet.latency import NONE, Latency
from cluster.kubelet.log_stream import Logs
from cluster.kubelet.node_object import NOWHERE, Capacity, Endpoint
from cluster.kubelet.report_stamps import PODS_MAX
from cluster.kubelet.server import KubeletServer
from cluster.kubelet.stages import Latencies
from cluster.kubelet.status_writer import Writes
from cluster.processes.assembly import Links, Nodes, drain_events, events_in_flight
from cluster.processes.behaviour_arguments import add_behaviour_arguments, behaviour
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
from cluster.processes.shell import Shell, StartError, add_shell_arguments, run, shell_options

LEASE_STATUS_BEATS = 30
"""With leases every 10 s, the status every five minutes, as today's kubelets do."""


def fleet_options(
    arguments: argparse.Namespace, endpoint: Endpoint = NOWHERE, share: Share | None = None
) -> FleetOptions:
    """Return the fleet's part of a parsed command line: all nodes, or a server's share of them."""
    place, servers = share or Share(0, 1)
    return FleetOptions(
        nodes=len(range(place, arguments.nodes, servers)),
        first_node=arguments.first_node + place,
        stride=servers,
        name_prefix=arguments.name_prefix,
        heartbeat_s=arguments.heartbeat_s,
        status_beats=LEASE_STATUS_BEATS if arguments.heartbeat == "lease" else 1,
        latencies=Latencies(arguments.start_latency_ms, arguments.terminate_latency_ms),
        capacity=Capacity(arguments.node_cpu, arguments.node_memory, arguments.node_pods),
        endpoint=endpoint,
        register_again=arguments.register_again,
        writes=Writes(arguments.kubelet_writes),
        behaviour=behaviour(arguments),
        seed=arguments.seed,
        node_watch=arguments.node_watch,
        stamps_max=PODS_MAX if arguments.stamps else 0,
    )


class Share(NamedTuple):
    """Which of how many servers: node i talks to server i modulo their number."""

    place: int
    servers: int


class Part(NamedTuple):
    """The nodes of one server, and what ties them to it."""

    nodes: Nodes
    work: RestClient
    events: RestClient
    informers: InformerFactory


async def main(shell: Shell, arguments: argparse.Namespace) -> None:
    """Run the hollow nodes until the shell is stopped."""
    layers = meter(arguments, CLIENT, "threads")
    shell.counters(layers.flat)
    async with AsyncExitStack() as stack:
        stack.enter_context(layers.running())
        history = stack.enter_context(keep_history(shell, arguments.history, "nodes"))
        sock = _bind(arguments.kubelet_listen)
        endpoint = _endpoint(sock, arguments.kubelet_address)
        servers = arguments.server.split(",")[: max(1, arguments.nodes)]
        parts = []
        for place, url in enumerate(servers):
            options = fleet_options(arguments, endpoint, Share(place, len(servers)))
            clients = _of_server(arguments, url, len(servers))
            parts.append(await _join(stack, shell, clients, options, history=history))
        fleets = [part.nodes.fleet for part in parts]
        logs = Logs([node for fleet in fleets for node in fleet.nodes], shell.clock)
        if sock is not None:
            kubelets = listen(KubeletServer(logs), sock, end_watches=logs.shut_down)
            await stack.enter_async_context(kubelets)
        _count(shell, parts, logs)
        shell.counter("kubelet_ports", lambda: 0 if sock is None else 1)
        await _run(shell, parts)
        stamps = [fleet.stamps for fleet in fleets if fleet.stamps is not None]
        for other in stamps[1:]:
            stamps[0].join(other)
        if stamps:
            stamps[0].write(arguments.stamps)


def _of_server(arguments: argparse.Namespace, url: str, servers: int) -> argparse.Namespace:
    """Return the arguments of one server's clients; together they open no more connections."""
    connections = -(-arguments.connections // servers)
    return argparse.Namespace(**{**vars(arguments), "server": url, "connections": connections})


async def _join(
    stack: AsyncExitStack,
    shell: Shell,
    arguments: argparse.Namespace,
    options: FleetOptions,
    *,
    history: HistoryWriter | None,
) -> Part:
    """Make the nodes of one server; they end with the stack."""
    client = await stack.enter_async_context(work_client(arguments, shell, "nodes"))
    in_flight = events_in_flight(options.nodes)
    events = await stack.enter_async_context(event_client(arguments, shell, "nodes", in_flight))
    informers = await stack.enter_async_context(
        InformerFactory(client, shell.clock, shell.random, history=history)
    )
    work = recorded(client, history, "work")
    posting = recorded(events, history, "events") if arguments.events else None
    links = Links(work, posting, informers, shell.clock, shell.random)
    return Part(Nodes(links, options), client, events, informers)


async def _run(shell: Shell, parts: Sequence[Part]) -> None:
    """Work until the process is asked to end; ready once all nodes of all servers have joined."""
    waiting = len(parts)

    def joined() -> None:
        nonlocal waiting
        waiting -= 1
        if not waiting:
            shell.ready(nodes=sum(part.nodes.fleet.registered for part in parts))

    async with asyncio.TaskGroup() as group:
        working = [group.create_task(part.nodes.run(joined)) for part in parts]
        await shell.stopped()
        recorders = (part.nodes.recorder for part in parts)
        await drain_events([recorder for recorder in recorders if recorder is not None])
        for part in parts:
            part.informers.record_states()
        for task in working:
            task.cancel()


def _bind(address: str) -> socket.socket | None:
    if address == "off":
        return None
    host, _, port = address.rpartition(":")
    try:
        return bind(host.strip("[]"), int(port))
    except (OSError, OverflowError, ValueError) as error:
        raise StartError(f"cannot listen on {address!r}: {error}") from error


def _endpoint(sock: socket.socket | None, address: str) -> Endpoint:
    if sock is None:
        return NOWHERE
    host, port = sock.getsockname()[:2]
    return Endpoint(address or host, port)


def _count(shell: Shell, parts: Sequence[Part], logs: Logs) -> None:
    count_clients(shell, *(client for part in parts for client in (part.work, part.events)))
    count_informers(shell, *(part.informers for part in parts))
    recorders = [part.nodes.recorder for part in parts if part.nodes.recorder is not None]
    if recorders:
        count_events(shell, *recorders)
    _count_fleets(shell, [part.nodes.fleet for part in parts])
    count_fields(shell, "log_", [logs.counts], "requests followed refused sent_bytes")


def _count_fleets(shell: Shell, fleets: Sequence[Fleet]) -> None:
    pods, beats = [f.pods.counts for f in fleets], [f.heartbeats.counts for f in fleets]
    count_fields(shell, "nodes_", fleets, "registered")
    count_fields(shell, "node_watch_", [f.mirror for f in fleets], "events")
    count_fields(shell, "present_", [node for f in fleets for node in f.nodes], "pods")
    count_fields(shell, "pod_", pods, "deletes started removed restarts finished")
    writes = "gets status_puts status_patches status_unchanged conflicts"
    count_fields(shell, "pod_", [f.pods.writer.counts for f in fleets], writes)
    count_fields(shell, "pod_syncs_", [f.pod_workers for f in fleets], "failed")
    count_fields(
        shell, "heartbeat_", beats, "beats status_puts status_patches conflicts missed gone"
    )
    count_fields(shell, "lease_", [f.heartbeats.leases for f in fleets], "renewals")
    count_fields(shell, "heartbeat_syncs_", [f.heartbeat_workers for f in fleets], "failed")
    stamps = [f.stamps for f in fleets if f.stamps is not None]
    if stamps:
        count_fields(shell, "stamps_", stamps, "kept left_out")
    shell.counter("pod_late_ms_max", lambda: max(each.late_ns_max for each in pods) / 1e6)
    shell.counter("heartbeat_late_ms_max", lambda: max(each.late_ns_max for each in beats) / 1e6)
    for percentile in (50, 99):
        read = partial(_late_ms, fleets, percentile)
        shell.counter(f"heartbeat_late_ms_p{percentile}", read)


def _late_ms(fleets: Sequence[Fleet], percentile: float) -> float:
    """Return the percentile of the fleet that fares worst."""
    return max(fleet.heartbeats.late_ms(percentile) for fleet in fleets)


def parser() -> argparse.ArgumentParser:
    """Return the command line of this process."""
    made = argparse.ArgumentParser(prog="cluster.processes.nodes", description=__doc__)
    add_shell_arguments(made)
    add_client_arguments(made)
    add_history_argument(made)
    add_attribution_argument(made)
    made.add_argument("--nodes", type=int, required=True, metavar="N")
    made.add_argument("--first-node", type=int, default=0, metavar="N")
    made.add_argument("--name-prefix", default="hollow-node-")
    made.add_argument(
        "--heartbeat-s", type=float, default=10.0, help="between two heartbeats; 0: none"
    )
    made.add_argument(
        "--heartbeat",
        choices=("status", "lease"),
        default="status",
        help="what each one writes; lease: the status with every 30th only",
    )
    made.add_argument(
        "--stamps",
        type=Path,
        metavar="FILE",
        help=f"write there at the end when each pod was reported running ({PODS_MAX:,} at most)",
    )
    latency = "MS, or LOW:HIGH for evenly between"
    made.add_argument("--start-latency-ms", type=Latency.parse, default=NONE, help=latency)
    made.add_argument("--terminate-latency-ms", type=Latency.parse, default=NONE, help=latency)
    add_behaviour_arguments(made)
    made.add_argument(
        "--kubelet-writes",
        choices=tuple(Writes),
        default=Writes.PUT,
        help="how statuses are written; patch: as JSON, whatever the codec",
    )
    made.add_argument(
        "--kubelet-listen",
        default="127.0.0.1:0",
        metavar="HOST:PORT|off",
        help="where the kubelets of all nodes answer (logs); off: the nodes tell made-up addresses",
    )
    made.add_argument(
        "--kubelet-address", default="", metavar="HOST", help="the nodes' InternalIP, if not that"
    )
    made.add_argument(
        "--register-again",
        type=on_or_off,
        default=False,
        metavar="on|off",
        help="register a node anew that was deleted (kubelets do so only when they start)",
    )
    made.add_argument("--node-watch", type=on_or_off, default=True, metavar="on|off")
    made.add_argument("--node-cpu", default="8")
    made.add_argument("--node-memory", default="32Gi")
    made.add_argument("--node-pods", default="110")
    return made


if __name__ == "__main__":
    given = parser().parse_args()
    sys.exit(run(lambda shell: main(shell, given), shell_options(given)))
