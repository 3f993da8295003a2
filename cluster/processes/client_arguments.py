"""What the processes that are clients of an API server share: arguments and clients."""

from __future__ import annotations

import argparse

from cluster.client.rest import ClientOptions, RestClient
from cluster.processes.shell import Shell
from serialization.codecs.registry import CODECS


def add_client_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of a process that speaks to an API server."""
    parser.add_argument("--server", required=True, metavar="URL", help="the API server")
    parser.add_argument("--codec", choices=sorted(CODECS), default="protobuf")
    parser.add_argument("--events", type=on_or_off, default=True, metavar="on|off")
    parser.add_argument("--connections", type=int, default=64, metavar="N", help="for requests")


def on_or_off(text: str) -> bool:
    """Read a switch. Raises ArgumentTypeError."""
    if text not in ("on", "off"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither on nor off")
    return text == "on"


def work_client(arguments: argparse.Namespace, shell: Shell, name: str) -> RestClient:
    """Return the client for everything but events."""
    options = ClientOptions(
        arguments.server,
        codec=arguments.codec,
        user_agent=f"kubedyno-{name}",
        max_connections=arguments.connections,
    )
    return RestClient(options, shell.clock)


def event_client(
    arguments: argparse.Namespace, shell: Shell, name: str, connections: int
) -> RestClient:
    """Return the client that posts events: a pool of its own, never in the way of work."""
    options = ClientOptions(
        arguments.server,
        codec=arguments.codec,
        user_agent=f"kubedyno-{name}-events",
        max_connections=connections,
    )
    return RestClient(options, shell.clock)
