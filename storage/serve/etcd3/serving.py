"""What every service of the protocol is given: the engine, who serves it, and its limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from serialization.api.etcd.rpc_pb2 import ResponseHeader
from storage.clock import Clock
from storage.mvcc import Mvcc
from storage.serve.etcd3.alarms import Alarms
from storage.serve.etcd3.limits import Limits
from storage.serve.http2.turns import Turns

VERSION: Final = "3.6.0"
"""What ``Maintenance.Status`` says. From 3.5.13 on clients may trust progress requests, and ours
keep their promise."""
CLUSTER_VERSION: Final = VERSION.rpartition(".")[0] + ".0"
"""What all members of a cluster can do, by the version that was first to."""
RAFT_TERM: Final = 2
"""Of a member that has always led: what a real one of its own says after its first election."""


@dataclass(frozen=True, slots=True)
class Serving:
    """An open engine and the member that it is served as."""

    store: Mvcc
    clock: Clock
    name: str = "default"
    client_urls: tuple[str, ...] = ()
    """Under which clients reach it, as the member list tells them."""
    cluster_id: int = field(default_factory=lambda: stable_id("cluster", "default"))
    member_id: int = field(default_factory=lambda: stable_id("member", "default"))
    limits: Limits = field(default_factory=Limits)
    alarms: Alarms = field(default_factory=Alarms)
    """Those that clients raise."""
    turns: Turns = field(default_factory=Turns)
    """Those of long answers, while they are made and while they are sent."""
    watch_progress_s: float = 600.0
    """How often quiet watches that asked for it are told how far they are; as etcd's."""

    def header(self, revision: int) -> ResponseHeader:
        """Return the header of an answer that speaks of ``revision``."""
        return ResponseHeader(
            cluster_id=self.cluster_id,
            member_id=self.member_id,
            revision=revision,
            raft_term=RAFT_TERM,
        )


def stable_id(kind: str, name: str) -> int:
    """Return a 64-bit id that is the same wherever and whenever ``name`` is served; never 0."""
    digest = sha256(f"kubedyno/{kind}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") or 1
