"""Who a data directory belongs to: the one member of a cluster of its own.

Ids are made as etcd makes them, and what a new member writes about itself before any client can
write is the same: its peers' addresses (index 1), its name and clients' addresses (2), the
cluster's version (3). So the first write of a client has the index 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha1
from typing import Final, NamedTuple

import orjson

from storage.etcd2.model import MEMBERS, Method, Request

TOKEN: Final = "etcd-cluster"
"""etcd's own default for --initial-cluster-token."""

VERSION: Final = "2.3.0"
"""The cluster's version: that of the last etcd whose store this is."""

PEERS: Final = f"{MEMBERS}/members"


class Member(NamedTuple):
    """A member as it describes itself."""

    name: str = "default"
    peer_urls: tuple[str, ...] = ("http://127.0.0.1:2380",)
    """Not etcd's default, ``http://localhost:2380``: that one ``--force-new-cluster`` gives to the
    new member, and etcd 3.4 fails on a backup whose snapshot holds a member of the same."""
    client_urls: tuple[str, ...] = ("http://127.0.0.1:2379",)

    @property
    def node_id(self) -> int:
        """Return the member's id."""
        return _id("".join(sorted(self.peer_urls)).encode() + TOKEN.encode())

    @property
    def cluster_id(self) -> int:
        """Return the id of the cluster that it is all of."""
        return _id(self.node_id.to_bytes(8, "big"))

    @property
    def context(self) -> bytes:
        """Return what stands in the configuration change that adds it."""
        described = {"id": self.node_id, "peerURLs": self.peer_urls, "name": self.name}
        return orjson.dumps(described)

    def requests(self) -> list[Request]:
        """Return what it writes before any client: the first by being added, the others as such."""
        attributes = {"name": self.name, "clientURLs": self.client_urls}
        return [
            added(self.node_id, self.peer_urls),
            Request(
                Method.PUT,
                f"{PEERS}/{self.node_id:x}/attributes",
                orjson.dumps(attributes).decode(),
            ),
            Request(Method.PUT, f"{MEMBERS}/version", VERSION),
        ]


SOLE: Final = Member()


def added(node_id: int, peer_urls: Sequence[str]) -> Request:
    """Return what adding a member does to the store."""
    value = orjson.dumps({"peerURLs": peer_urls}).decode()
    path = f"{PEERS}/{node_id:x}/raftAttributes"
    return Request(Method.PUT, path, value, prev_exist=False)


def updated(node_id: int, peer_urls: Sequence[str]) -> Request:
    """Return what giving a member other addresses does to the store."""
    return added(node_id, peer_urls)._replace(prev_exist=None)


def removed(node_id: int) -> list[Request]:
    """Return what removing a member does to the store."""
    return [
        Request(Method.DELETE, f"{PEERS}/{node_id:x}", dir=True, recursive=True),
        Request(Method.PUT, f"{MEMBERS}/removed_members/{node_id:x}", prev_exist=False),
    ]


def _id(seed: bytes) -> int:
    return int.from_bytes(sha1(seed, usedforsecurity=False).digest()[:8], "big")
