"""Puts the parts' own counts into the process's statistics, each under a prefix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import partial

from cluster.client.events import EventRecorder
from cluster.client.informer import InformerFactory
from cluster.client.rest import RestClient
from cluster.processes.shell import Shell


def count_fields(shell: Shell, prefix: str, counted: Iterable[object], fields: str) -> None:
    """Have the sums over ``counted`` of the named number attributes in the statistics."""
    parts = tuple(counted)
    for field in fields.split():
        shell.counter(f"{prefix}{field}", partial(_sum, parts, field))


def count_clients(shell: Shell, *clients: RestClient) -> None:
    """Have the requests (``requests_put_pods/status``) and bytes of clients in the statistics."""
    shell.counters(partial(_requests, clients))
    for field in ("requests", "sent_bytes", "received_bytes"):
        shell.counter(f"client_{field}", partial(_traffic, clients, field))


def count_informers(shell: Shell, *factories: InformerFactory) -> None:
    """Have what the informers asked and got in the statistics."""
    shell.counter("informers", lambda: sum(len(each) for each in factories))
    shell.counter("informer_queries", lambda: sum(each.queries for each in factories))
    for field in ("lists", "watches", "events", "bookmarks", "expired", "failures"):
        shell.counter(f"informer_{field}", partial(_informers, factories, field))


def count_events(shell: Shell, *recorders: EventRecorder) -> None:
    """Have what became of events in the statistics: of all, and how many each component posted."""
    count_fields(shell, "events_", recorders, "posted dropped failed waiting withheld")
    for component in dict.fromkeys(recorder.component for recorder in recorders):
        own = [recorder for recorder in recorders if recorder.component == component]
        count_fields(shell, f"events_{component}_", own, "posted")


def _sum(parts: tuple[object, ...], field: str) -> float:
    return sum(float(getattr(part, field)) for part in parts)


def _requests(clients: tuple[RestClient, ...]) -> dict[str, float]:
    counted: Counter[str] = Counter()
    for client in clients:
        for (verb, resource), traffic in client.meter.by_call.items():
            counted[f"requests_{verb.lower()}_{resource}"] += traffic.requests
    return {name: float(count) for name, count in counted.items()}


def _traffic(clients: tuple[RestClient, ...], field: str) -> float:
    return sum(_sum(tuple(client.meter.by_call.values()), field) for client in clients)


def _informers(factories: tuple[InformerFactory, ...], field: str) -> float:
    return sum(float(getattr(each.counters(), field)) for each in factories)
