"""What a reader must know before quoting a number: what the hollow parts leave out."""

from __future__ import annotations

from typing import Final

LIMITS: Final = (
    "Hollow nodes run no containers: phases follow configured latencies, nothing is pulled or "
    "started, and no kubelet's own work is in the numbers.",
    "A hollow node holds one pod watch and one node watch; a real kubelet holds about "
    "18 watches (config maps, secrets, services, ...), so a real API server fans out more.",
    "Plain HTTP on loopback: no TLS, no network between machines, no authentication or "
    "authorization work, no admission webhooks.",
    "The load and what is loaded share one machine. CPU is accounted by process, but caches, "
    "memory bandwidth and the scheduler of the operating system are shared.",
    "Everything here is CPython. A ratio between two codecs or two stores is of this "
    "implementation; it is not Go's, and is not meant to be.",
    "Probes are few: a p99 of 25 samples is their maximum.",
)
