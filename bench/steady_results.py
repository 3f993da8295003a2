"""The part of the results that is of the steady phase alone, when the cluster is full."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.latency import ApiLatency, Latency


@dataclass(frozen=True, slots=True)
class Aim:
    """A latency that is aimed at, beside the service level; null where it was not measured."""

    aim_ms: float
    level_ms: float
    measured_ms: float | None
    met: bool | None
    """Whether the aim is."""


@dataclass(frozen=True, slots=True)
class Compactions:
    """What the store forgot meanwhile; null where a process told nothing in time."""

    asked_every_s: float
    in_phase: int | None
    """Compactions that removed revisions between the phase's marks."""
    revision: int | None
    """The last of them: older states are gone."""
    read_revision: int | None = None
    """As of which a read was tried afterwards: the revision with which the phase began."""
    read_code: int | None = None
    """What that read was answered; 410: gone."""
    declared: bool = True
    """The store compacts at all. False: nothing is asked of it, and an old state is gone at once,
    which ``read_code`` must bear out where something was written meanwhile."""
    last_revision: int | None = None
    """With which the phase ended."""


@dataclass(frozen=True, slots=True)
class Steady:
    """The steady phase."""

    seconds: float
    changes: dict[str, int]
    """Of the churn, by sort: ``created`` and ``deleted`` (probes), ``grown`` and ``shrunk``
    (controllers, by a pod each), ``passed`` (turns at which nothing could go yet). Empty where
    there were the probes alone."""
    changes_asked_per_s: float
    changes_per_s: float | None
    pod_startup: Latency
    """Of the phase's probes, from the intended create to the receipt of Running."""
    single_object: Latency
    """All calls of the measuring process on one object each, from when they were due."""
    api_latency: list[ApiLatency]
    """By sort of call, from both sources."""
    aims: dict[str, Aim]
    """``pod_startup_p99``; ``single_object_client_p99``; ``single_object_server_p99`` (all clients,
    all sorts of calls on one object, interpolated within buckets)."""
    compactions: Compactions | None = None
    """None where no churn was asked for."""
    writes_per_s: float | None = None
    """Revisions that the store gave out."""
    cpu_cores: dict[str, float] = field(default_factory=dict)
    """By process: the cores that it used."""
