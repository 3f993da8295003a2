"""What the processes' own counters must say of each setting: a cell that did not switch is void.

Both values of a switch are held against counters, the usual one too: ``events-off`` beside a cell
that says nothing of events is a comparison only when the first posted none and the second some. A
proof is a list of claims, each of them that a sum of counters lies between two bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from bench.switches import APISERVER, CONTROL, NODES
from serialization.codecs.registry import CODECS

Counters = Mapping[str, Mapping[str, float]]


class Scale(NamedTuple):
    """What bounds grow with."""

    nodes: int
    pods: int
    """That were seen running."""


Bound = Callable[[Scale], float]


@dataclass(frozen=True, slots=True)
class Claim:
    """The sum of some counters of a process, less those of ``less``, is within bounds."""

    process: str
    counters: tuple[str, ...]
    less: tuple[str, ...] = ()
    least: Bound | None = None
    most: Bound | None = None

    def fault(self, counters: Counters, scale: Scale) -> str:
        """Return how the claim fails; empty where it holds."""
        told = counters.get(self.process)
        if not told:
            return f"{self.process} told no counters"
        total = sum(told.get(name, 0.0) for name in self.counters)
        total -= sum(told.get(name, 0.0) for name in self.less)
        least = None if self.least is None else self.least(scale)
        most = None if self.most is None else self.most(scale)
        named = " + ".join(self.counters) + "".join(f" - {name}" for name in self.less)
        if least is not None and total < least:
            return f"{named} of {self.process} is {total:,.0f}, not {least:,.0f} or more"
        if most is not None and total > most:
            return f"{named} of {self.process} is {total:,.0f}, not {most:,.0f} or less"
        return ""


def moved(process: str, *counters: str) -> Claim:
    """Claim that one of the counters moved."""
    return Claim(process, counters, least=_one)


def still(process: str, *counters: str) -> Claim:
    """Claim that none of the counters moved."""
    return Claim(process, counters, most=_none)


def _one(_scale: Scale) -> float:
    return 1.0


def _none(_scale: Scale) -> float:
    return 0.0


def _read(codec: str) -> tuple[str, ...]:
    return (f"watchcache_encodes_{codec}", f"watchcache_encode_hits_{codec}")


def _codec(name: str) -> tuple[Claim, ...]:
    """In a JSON cell the other encodings lie still; the auditor reads JSON in every cell."""
    others = () if name == "protobuf" else [other for other in CODECS if other != name]
    return (moved(APISERVER, *_read(name)), *(still(APISERVER, *_read(o)) for o in others))


KEPT: Final = (
    "watchcache_stamped",
    *(f"watchcache_encode_hits_{codec}" for codec in CODECS),
)
FRESH: Final = tuple(f"watchcache_encodes_{codec}" for codec in CODECS)
TRIED: Final = (("watchcache_filter_calls",), ("watchcache_events_dispatched",))
"""Events that were put to a watcher which does not see them."""
WATCHES: Final = ("watch_opened_transport", "watch_opened_asgi")
PUTS: Final = ("pod_status_puts", "heartbeat_status_puts")
PATCHES: Final = ("pod_status_patches", "heartbeat_status_patches")

PROOFS: Final[dict[str, dict[str, tuple[Claim, ...]]]] = {
    "codec": {name: _codec(name) for name in CODECS},
    "watch_write": {
        "transport": (
            moved(APISERVER, "watch_opened_transport"),
            still(APISERVER, "watch_opened_asgi"),
        ),
        "asgi": (
            moved(APISERVER, "watch_opened_asgi"),
            still(APISERVER, "watch_opened_transport"),
        ),
    },
    # A pod's first event has no node yet: tried one by one, every kubelet's watcher passes it over.
    "watch_index": {
        "on": (Claim(APISERVER, *TRIED, most=lambda scale: scale.nodes * scale.pods - 1),),
        "off": (Claim(APISERVER, *TRIED, least=lambda scale: scale.nodes * scale.pods),),
    },
    "encode_once": {
        "on": (moved(APISERVER, *KEPT),),
        "off": (still(APISERVER, *KEPT), moved(APISERVER, *FRESH)),
    },
    "shared_informers": {
        "on": (Claim(CONTROL, ("informers",), ("informer_queries",), most=_none),),
        "off": (
            Claim(CONTROL, ("informers",), ("informer_queries",), least=_one),
            Claim(CONTROL, ("informer_watches",), ("informers",), least=_none),
        ),
    },
    "initial_events": {
        "off": (Claim(CONTROL, ("informer_lists",), ("informers",), least=_none),),
        "on": (still(CONTROL, "informer_lists"), moved(APISERVER, "watchcache_init_events")),
    },
    "leader_elect": {
        "off": (still(CONTROL, "leader_terms"),),
        "on": (moved(CONTROL, "leader_terms"),),
    },
    "events": {
        "on": (
            moved(APISERVER, "requests_POST_events"),
            moved(CONTROL, "events_posted"),
            moved(NODES, "events_posted"),
        ),
        "off": (
            still(APISERVER, "requests_POST_events", "requests_PATCH_events"),
            still(CONTROL, "events_posted"),
            still(NODES, "events_posted"),
        ),
    },
    "kubelet_writes": {
        "put": (moved(NODES, *PUTS), still(NODES, *PATCHES)),
        "patch": (
            moved(NODES, *PATCHES),
            still(NODES, *PUTS),
            moved(APISERVER, "requests_PATCH_pods/status"),
        ),
    },
    "heartbeat_kind": {
        "status": (still(NODES, "lease_renewals"),),
        "lease": (moved(NODES, "lease_renewals"), moved(APISERVER, "requests_PUT_leases")),
    },
    "node_watch": {
        "on": (Claim(NODES, ("informers",), least=lambda scale: 2 * scale.nodes),),
        "off": (
            still(NODES, "node_watch_events"),
            Claim(NODES, ("informers",), most=lambda scale: scale.nodes),
        ),
    },
    "history": {
        "on": tuple(moved(process, "history_entries") for process in (APISERVER, CONTROL, NODES)),
        "off": tuple(still(process, "history_entries") for process in (APISERVER, CONTROL, NODES)),
    },
    "attribution": {
        "on": (moved(APISERVER, "cpu_attribution_ticks"),),
        "off": (still(APISERVER, "cpu_attribution_ticks"),),
    },
    "etcd_batch": {
        "on": (moved(APISERVER, "store_batches"),),
        "off": (still(APISERVER, "store_batches"),),
    },
    "kubelet_listen": {
        "on": (moved(NODES, "kubelet_ports"),),
        "off": (still(NODES, "kubelet_ports"),),
    },
}
"""By setting and value. ``storage_codec`` and ``store`` have no counter; the bytes that they make
are in the results."""

WRITTEN_AGAIN: Final = Claim(
    NODES, ("pod_status_puts", "pod_status_patches"), ("pod_started",), least=_one
)
BEHAVIOUR_PROOFS: Final[dict[str, tuple[Claim, ...]]] = {
    "crash_probability": (moved(NODES, "pod_restarts"),),
    "run_for": (moved(NODES, "pod_restarts", "pod_finished"),),
    "ready_after": (WRITTEN_AGAIN,),
    "unready_every": (WRITTEN_AGAIN,),
}
"""By setting, where it is set. How long things last is in the steps of the start-up, uncounted."""


def unproven(settings: Mapping[str, str], counters: Counters, scale: Scale) -> Iterator[str]:
    """Yield a sentence for each setting that its counters do not bear out."""
    for name, value in settings.items():
        claims = PROOFS[name].get(value, ()) if name in PROOFS else ()
        if value:
            claims += BEHAVIOUR_PROOFS.get(name, ())
        faults = dict.fromkeys(fault for c in claims if (fault := c.fault(counters, scale)))
        if faults:
            said = name.replace("_", "-")
            yield f"nothing proves {said} {value}: {'; '.join(faults)}"


def unspread(servers: Counters, nodes: int) -> Iterator[str]:
    """Yield a sentence for each of several API servers that did not get its share of the nodes."""
    if len(servers) < 2:
        return
    due = nodes // len(servers)
    for name, told in sorted(servers.items()):
        opened = sum(told.get(counter, 0.0) for counter in WATCHES)
        if opened < due:
            yield f"nothing proves that {name} has its nodes: {opened:,.0f} watches, not {due:,}"
