"""What a real cluster of a size sends: estimates from published defaults and recorded traffic.

Everything is per second, for pods of one container whose image is there, without services. Rates of
a real cluster are also bounded by its clients (kube-controller-manager 20, kube-scheduler 50
requests a second by default): the estimates are for bounds that were raised, at our pace.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

LEASE_S: Final = 10.0
"""A kubelet renews its Lease every quarter of nodeLeaseDurationSeconds (40)."""
NODE_STATUS_S: Final = 300.0
"""nodeStatusReportFrequency, where nothing changed. 1.3 had no leases: nodeStatusUpdateFrequency,
10 s, each a GET and a PUT. Today the GET is answered by the kubelet's own informer."""
STATUSES_A_START: Final = 2
"""Pending with its conditions, then Running and Ready; a kubelet GETs the pod before each PATCH
(its status manager's syncPod)."""
STATUSES_AN_END: Final = 1
EVENTS_A_START: Final = 3
"""Pulled, Created, Started. Scheduled is the scheduler's."""
EVENTS_AN_END: Final = 1
"""Killing."""
TOKEN_S: Final = 0.8 * 3607
"""The admission plug-in ServiceAccount gives each pod a token of 3607 s; the kubelet renews it when
80 % of its time are over (the API's documentation of serviceAccountToken volumes)."""
WATCHES_A_NODE: Final = 18
"""Of a kubelet and a kube-proxy together, counted by the k8s-1m project."""
WATCH_S: Final = 450.0
"""client-go's reflectors ask for 5 to 10 minutes, evenly drawn, and then watch again."""
LEADER_S: Final = 2.0
"""client-go's RetryPeriod; kube-controller-manager and kube-scheduler renew a Lease each. Recorded
of 1.36: one PUT each in every 1.3 to 2 s."""
LEADERS: Final = 2
STATUSES_A_REPLICA: Final = 2
"""Recorded of kube-controller-manager 1.36: four PUTs of a replica set's status for two pods. Large
ones have fewer, since one sync covers many pods: the estimate is the most there can be."""
EVENTS_APART: Final = 10
"""client-go's correlator: of events that differ in their message only, ten are posted in ten
minutes, then one is PATCHed (defaultAggregateMaxEvents)."""
EVENTS_BURST: Final = 25
"""Events of one source about one object, then one in five minutes (defaultSpamBurst)."""

ABSENT: Final = (
    "images: none is pulled, none is garbage-collected",
    "containers: no runtime, no probes that run, made-up logs only, no restarts unless asked for",
    "volumes: none is mounted or attached; no tokens, no ConfigMaps, no Secrets are read",
    "networks: no kube-proxy, no CNI plug-in, no DNS; pods' addresses are made up",
    "nodes: no device, memory or disk pressure; no CSINode, no CertificateSigningRequest",
    "security: no TLS between the parts, no authorization, no audit log, no admission webhooks",
    "everything that people add: operators, autoscalers, monitoring, ingress, service meshes",
)


class Pace(NamedTuple):
    """What goes on in a phase, a second."""

    nodes: int
    present: float
    """Pods that are there, on average."""
    started: float
    """Pods that were bound."""
    ended: float
    """Pods that kubelets removed."""
    replicas: float
    """Pods that controllers made."""
    removed: float
    """Pods that controllers deleted."""
    seconds: float
    sizes: Sequence[int]
    """Of the controllers that were filled in this phase."""
    namespaces: int


Estimate = Callable[[Pace], float]


class RealSort(NamedTuple):
    """A sort of request of a real cluster."""

    source: str
    what: str
    estimate: Estimate
    how: str


def _none(_pace: Pace) -> float:
    return 0.0


def _leases(pace: Pace) -> float:
    return pace.nodes / LEASE_S


def _node_statuses(pace: Pace) -> float:
    return pace.nodes / NODE_STATUS_S


def _statuses(pace: Pace) -> float:
    return STATUSES_A_START * pace.started + STATUSES_AN_END * pace.ended


def _kubelet_events(pace: Pace) -> float:
    return EVENTS_A_START * pace.started + EVENTS_AN_END * pace.ended


def _tokens(pace: Pace) -> float:
    return pace.started + pace.present / TOKEN_S


def _config_maps(pace: Pace) -> float:
    """The first pod of a namespace on a node has its root certificate's ConfigMap watched."""
    if not pace.sizes:
        return 0.0
    return min(pace.nodes * pace.namespaces / pace.seconds, pace.started)


def _watches(pace: Pace) -> float:
    return pace.nodes * WATCHES_A_NODE / WATCH_S


def _controller_events(pace: Pace) -> float:
    if not pace.sizes:
        return pace.replicas + pace.removed
    posted = sum(min(size, EVENTS_BURST) for size in pace.sizes)
    return posted / pace.seconds + pace.removed


KUBELETS: Final = "kubelets"
SCHEDULER: Final = "scheduler"
CONTROLLERS: Final = "controllers"

SORTS: Final[tuple[RealSort, ...]] = (
    RealSort(KUBELETS, "PUT leases", _leases, "nodes / 10 s"),
    RealSort(
        KUBELETS,
        "PUT or PATCH nodes/status",
        _node_statuses,
        "nodes / 300 s, unchanged; 1.3: nodes / 10 s",
    ),
    RealSort(KUBELETS, "GET nodes", _none, "from its own informer; 1.3: nodes / 10 s"),
    RealSort(KUBELETS, "GET pods", _statuses, "before each status"),
    RealSort(
        KUBELETS,
        "PUT or PATCH pods/status",
        _statuses,
        "2 for each pod that starts, 1 for each that ends",
    ),
    RealSort(KUBELETS, "DELETE pods", lambda pace: pace.ended, "1 for each pod that ends"),
    RealSort(
        KUBELETS,
        "POST or PUT events",
        _kubelet_events,
        "3 for each pod that starts, 1 for each that ends",
    ),
    RealSort(
        KUBELETS,
        "POST serviceaccounts/token",
        _tokens,
        "1 for each pod that starts, and again every 48 min",
    ),
    RealSort(
        KUBELETS,
        "LIST configmaps",
        _config_maps,
        "at most 1 for each node and namespace, and a watch each",
    ),
    RealSort(
        KUBELETS,
        "WATCH",
        _watches,
        "18 for each node with its kube-proxy, opened again every 7.5 min",
    ),
    RealSort(SCHEDULER, "POST pods/binding", lambda pace: pace.started, "1 for each pod"),
    RealSort(SCHEDULER, "POST or PUT events", lambda pace: pace.started, "1 for each pod"),
    RealSort(CONTROLLERS, "POST pods", lambda pace: pace.replicas, "1 for each pod"),
    RealSort(CONTROLLERS, "DELETE pods", lambda pace: pace.removed, "1 for each pod"),
    RealSort(
        CONTROLLERS,
        "PUT replicationcontrollers/status",
        lambda pace: STATUSES_A_REPLICA * (pace.replicas + pace.removed),
        "at most 2 for each pod; fewer where a sync covers many",
    ),
    RealSort(
        CONTROLLERS,
        "POST or PUT events",
        _controller_events,
        "1 for each pod, at most 25 for a controller",
    ),
    RealSort(
        "leader election",
        "PUT leases",
        lambda _pace: LEADERS / LEADER_S,
        "controllers and scheduler, every 2 s each",
    ),
)
