"""The nodes process: hollow nodes, each with its own watches, all with the same few connections."""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from cluster.apiserver.listener import bind, listen
from cluster.client.informer import InformerFactory
from cluster.kubelet.fleet import Fleet, FleetOptions
from cluster.kubelet.latency import NONE, Latency
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


def fleet_options(arguments: argparse.Namespace, endpoint: Endpoint = NOWHERE) -> FleetOptions:
    """Return the fleet's part of a parsed command line."""
    return FleetOptions(
        nodes=arguments.nodes,
        first_node=arguments.first_node,
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


async def main(shell: Shell, arguments: argparse.Namespace) -> None:
    """Run the hollow nodes until the shell is stopped."""
    layers = meter(arguments, CLIENT, "threads")
    shell.counters(layers.flat)
    async with AsyncExitStack() as stack:
        stack.enter_context(layers.running())
        history = stack.enter_context(keep_history(shell, arguments.history, "nodes"))
        client = await stack.enter_async_context(work_client(arguments, shell, "nodes"))
        in_flight = events_in_flight(arguments.nodes)
        events = await stack.enter_async_context(event_client(arguments, shell, "nodes", in_flight))
        informers = await stack.enter_async_context(
            InformerFactory(client, shell.clock, shell.random, history=history)
        )
        work = recorded(client, history, "work")
        posting = recorded(events, history, "events") if arguments.events else None
        links = Links(work, posting, informers, shell.clock, shell.random)
        sock = _bind(arguments.kubelet_listen)
        nodes = Nodes(links, fleet_options(arguments, _endpoint(sock, arguments.kubelet_address)))
        fleet = nodes.fleet
        if sock is not None:
            kubelets = listen(KubeletServer(fleet.logs), sock, end_watches=fleet.logs.shut_down)
            await stack.enter_async_context(kubelets)
        count_clients(shell, client, events)
        count_informers(shell, informers)
        if nodes.recorder is not None:
            count_events(shell, nodes.recorder)
        _count_fleet(shell, fleet)
        shell.counter("kubelet_ports", lambda: 0 if sock is None else 1)
        async with asyncio.TaskGroup() as group:
            working = group.create_task(nodes.run(lambda: shell.ready(nodes=fleet.registered)))
            await shell.stopped()
            await drain_events([nodes.recorder] if nodes.recorder is not None else [])
            informers.record_states()
            working.cancel()
        if fleet.stamps is not None:
            fleet.stamps.write(arguments.stamps)


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


def _count_fleet(shell: Shell, fleet: Fleet) -> None:
    pods, beats = fleet.pods.counts, fleet.heartbeats.counts
    count_fields(shell, "nodes_", [fleet], "registered")
    count_fields(shell, "node_watch_", [fleet.mirror], "events")
    count_fields(shell, "present_", fleet.nodes, "pods")
    count_fields(shell, "pod_", [pods], "deletes started removed restarts finished")
    writes = "gets status_puts status_patches status_unchanged conflicts"
    count_fields(shell, "pod_", [fleet.pods.writer.counts], writes)
    count_fields(shell, "pod_syncs_", [fleet.pod_workers], "failed")
    count_fields(
        shell, "heartbeat_", [beats], "beats status_puts status_patches conflicts missed gone"
    )
    count_fields(shell, "lease_", [fleet.heartbeats.leases], "renewals")
    count_fields(shell, "heartbeat_syncs_", [fleet.heartbeat_workers], "failed")
    count_fields(shell, "log_", [fleet.logs.counts], "requests followed refused sent_bytes")
    if fleet.stamps is not None:
        count_fields(shell, "stamps_", [fleet.stamps], "kept left_out")
    shell.counter("pod_late_ms_max", lambda: pods.late_ns_max / 1e6)
    shell.counter("heartbeat_late_ms_max", lambda: beats.late_ns_max / 1e6)
    for percentile in (50, 99):
        read = partial(fleet.heartbeats.late_ms, percentile)
        shell.counter(f"heartbeat_late_ms_p{percentile}", read)


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
