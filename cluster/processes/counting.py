"""Puts the parts' own counts into the process's statistics, each under a prefix."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Final

from cluster.client.events import EventRecorder
from cluster.client.informer import InformerFactory
from cluster.client.rest import RestClient
from cluster.processes.shell import Shell

COUNTED: Final = (
    ("GET", "nodes"),
    ("GET", "pods"),
    ("DELETE", "pods"),
    ("PATCH", "nodes"),
    ("PATCH", "pods"),
    ("POST", "events"),
    ("POST", "nodes"),
    ("POST", "pods"),
    ("PUT", "events"),
    ("PUT", "nodes"),
    ("PUT", "pods"),
    ("PUT", "replicationcontrollers"),
)
"""Requests that are counted one by one; lists and watches are counted by the informers."""


def count_fields(shell: Shell, prefix: str, counted: Iterable[object], fields: str) -> None:
    """Have the sums over ``counted`` of the named number attributes in the statistics."""
    parts = tuple(counted)
    for field in fields.split():
        shell.counter(f"{prefix}{field}", partial(_sum, parts, field))


def count_clients(shell: Shell, *clients: RestClient) -> None:
    """Have the requests and bytes of clients in the statistics."""
    for verb, plural in COUNTED:
        name = f"requests_{verb.lower()}_{plural}"
        shell.counter(name, partial(_requests, clients, (verb, plural)))
    for field in ("requests", "sent_bytes", "received_bytes"):
        shell.counter(f"client_{field}", partial(_traffic, clients, field))


def count_informers(shell: Shell, informers: InformerFactory) -> None:
    """Have what the informers asked and got in the statistics."""
    shell.counter("informers", lambda: len(informers))
    shell.counter("informer_queries", lambda: informers.queries)
    for field in ("lists", "watches", "events", "bookmarks", "expired", "failures"):
        shell.counter(f"informer_{field}", partial(_informers, informers, field))


def count_events(shell: Shell, *recorders: EventRecorder) -> None:
    """Have what became of events in the statistics."""
    count_fields(shell, "events_", recorders, "posted dropped failed waiting")


def _sum(parts: tuple[object, ...], field: str) -> float:
    return sum(float(getattr(part, field)) for part in parts)


def _requests(clients: tuple[RestClient, ...], call: tuple[str, str]) -> float:
    each = (client.meter.by_call.get(call) for client in clients)
    return sum(traffic.requests for traffic in each if traffic is not None)


def _traffic(clients: tuple[RestClient, ...], field: str) -> float:
    return sum(_sum(tuple(client.meter.by_call.values()), field) for client in clients)


def _informers(informers: InformerFactory, field: str) -> float:
    return float(getattr(informers.counters(), field))
