"""The claims, where they were made, and what a measure of one of them is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

BLOG_1_6: Final = "Kubernetes blog, March 2017, Scalability updates in 1.6"
COREOS: Final = "CoreOS blog, 30 June 2016, etcd3: a new etcd"
ISSUE_32361: Final = "kubernetes/kubernetes#32361"
ETCD_2695: Final = "etcd-io/etcd#2695"
PROPOSAL: Final = "Kubernetes design proposal, protobuf.md, March 2016"
NO_SOURCE: Final = "no published figure found; follows from the design"
OLDER: Final = "older"
NEWER: Final = "newer"


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that is compared, and what is claimed of it."""

    key: str
    title: str
    unit: str
    older: str
    """The value of etcd 2."""
    newer: str
    """The value of etcd 3; empty: etcd 2 is held against ``bound``."""
    larger: str
    """Which the claim says is the larger one: ``older`` or ``newer`` (or the bound)."""
    claim: str
    source: str
    size: float | None = None
    """By which factor, where one was claimed."""
    bound: float = 0.0
    exact: bool = False

    @property
    def row(self) -> str:
        """Return the letter of its row."""
        return self.key[0]

    @property
    def words(self) -> str:
        """Return what the ratio is of, so that above 1 is as claimed."""
        if self.bound:
            return f"{self.bound:g} / etcd 2"
        return "etcd 2 / etcd 3" if self.larger == OLDER else "etcd 3 / etcd 2"


def same(key: str, title: str, unit: str, larger: str, claim: str, source: str) -> Measure:
    """Return a measure whose value has one name in both generations."""
    return Measure(key, title, unit, key, key, larger, claim, source)


def sized(measure: Measure, size: float) -> Measure:
    """Return a measure with the factor that was claimed."""
    return replace(measure, size=size)


CANNOT_500: Final = "etcd 2 could not feed 500 events/s to one watcher"
FEEDS_MORE: Final = "etcd 3 feeds a watcher what etcd 2 cannot"
MULTIPLEXED: Final = "multiplexed watches need at least 10x less memory"
MESSAGES_2X: Final = "gRPC keeps about 2x in message processing, also over an optimised JSON client"
LEASES: Final = "leases remove consensus writes in the steady state: keys / TTL requests a second"
BASE64: Final = "protobuf needs etcd 3: in etcd 2 it has to be wrapped as base64, in JSON"
ENVELOPE: Final = "etcd 2 wraps values in JSON, and answers a write with the one before it, too"
SMALLER: Final = "protobuf's wire size is half of JSON's"
BOTTLENECK: Final = "etcd 2 was the bottleneck of Kubernetes"
WHOLE: Final = "etcd 2 holds all in memory, and copies and writes it whole as JSON for a snapshot"
