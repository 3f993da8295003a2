"""Claims on numbers in a store that several servers share: a key a number, made before its object.

How it works. Whoever creates the key of a number has the number; the key names the service that is
to have it. It is created before the service is written, and removed after the service has gone or
has given the number up, or where the write has failed. A server that dies in between, or never
learns what became of a write, leaves a claim behind which no service bears out. Such a claim is
left over once it is older than any write can be under way (``GRACE_S``): whoever wants the number
then looks at the service in the store itself, and removes the claim at the revision that it judged.
So a number is in doubt for some minutes at worst, and never given out twice.

A claim that is found to be one's own (a service that is updated once more) is written anew before
it is relied on: its revision moves, and who was about to remove it finds that out.

Addresses stand where Kubernetes keeps them, as IPAddress objects in JSON, which its API servers
read; node ports, which Kubernetes has in one bitmap that any server makes anew from the services,
stand under a prefix of ours.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from ipaddress import IPv4Address
from random import Random
from typing import Final, NamedTuple

from cluster.apiserver.identity import new_uid
from storage.clock import Clock
from storage.errors import ConflictError, KeyExistsError, KeyNotFoundError, StoreError
from storage.interface import Store
from storage.records import KeyValue

logger = logging.getLogger(__name__)

ADDRESSES: Final = b"/registry/ipaddresses/"
PORTS: Final = b"/registry/kubedyno.dev/nodeports/"
SERVICE_UID: Final = "kubedyno.dev/service-uid"

GRACE_S: Final = 300.0
"""A request ends in 60 s unless it was told otherwise; what a store has been sent, in seconds."""

TRIES: Final = 8
"""How often a claim that changes under one's hands is looked at again."""

PAGE: Final = 500


class Owner(NamedTuple):
    """The service that a claim is for."""

    uid: str
    namespace: str
    name: str


class Claim(NamedTuple):
    """What a key says."""

    owner: Owner
    made: float
    """Wall time, in seconds."""


def address_key(number: int) -> bytes:
    """Return the key of an address."""
    return ADDRESSES + str(IPv4Address(number)).encode()


def port_key(number: int) -> bytes:
    """Return the key of a node port."""
    return PORTS + b"%d" % number


def read_claim(entry: KeyValue) -> Claim | None:
    """Return what a key says; None for what was not written here: somebody has that number."""
    try:
        tree = json.loads(entry.value)
        meta, parent = tree["metadata"], tree["spec"]["parentRef"]
        owner = Owner(meta["annotations"][SERVICE_UID], parent["namespace"], parent["name"])
        return Claim(owner, datetime.fromisoformat(meta["creationTimestamp"]).timestamp())
    except (ValueError, KeyError, TypeError):
        return None


class ClaimKeys:
    """Makes, removes and judges claims of one store."""

    def __init__(self, store: Store, clock: Clock, random: Random) -> None:
        self._store = store
        self._clock = clock
        self._random = random

    async def take(self, key: bytes, owner: Owner) -> tuple[int, bool] | None:
        """Claim a number for a service: the claim's revision, and whether it is a new one.

        None: another has it, or may have it yet. Raises StoreError.
        """
        for _ in range(TRIES):
            value = self._document(key, owner)
            try:
                return await self._store.create(key, value), True
            except KeyExistsError as error:
                found = error.current
            claim = read_claim(found)
            if claim is None or claim.owner.uid != owner.uid:
                return None
            try:
                return await self._store.update(key, value, expected=found.revision), False
            except (ConflictError, KeyNotFoundError):
                continue
        return None

    async def mine(self, key: bytes, owner: Owner) -> int:
        """Return the revision of a service's claim, 0 where it has none. Raises StoreError."""
        found = await self._store.get(key)
        claim = None if found is None else read_claim(found)
        return found.revision if found and claim and claim.owner.uid == owner.uid else 0

    async def give_back(self, claims: Iterable[tuple[bytes, int]]) -> None:
        """Remove claims that are still at these revisions. What fails is left over for later."""
        for key, revision in claims:
            try:
                await self._store.delete(key, expected=revision)
            except (ConflictError, KeyNotFoundError):
                continue
            except StoreError as error:
                logger.warning("claim %s is left over: %s", key.decode(), error)

    async def old(self, key: bytes) -> tuple[Claim, int] | None:
        """Return a claim that may be left over, and its revision; None for one that is young."""
        found = await self._store.get(key)
        return None if found is None else self._if_old(found)

    async def all_old(self) -> AsyncIterator[tuple[bytes, Claim, int]]:
        """Yield every claim that may be left over, with key and revision. Raises StoreError."""
        async for entry in self._entries():
            if (old := self._if_old(entry)) is not None:
                yield entry.key, *old

    async def keys(self) -> set[bytes]:
        """Return the keys of all claims. Raises StoreError."""
        return {entry.key async for entry in self._entries()}

    async def _entries(self) -> AsyncIterator[KeyValue]:
        for prefix in (ADDRESSES, PORTS):
            after, more = b"", True
            while more:
                page = await self._store.list(prefix, limit=PAGE, after=after)
                for entry in page.items:
                    yield entry
                more = bool(page.remaining and page.items)
                if more:
                    after = page.items[-1].key
                    await asyncio.sleep(0)

    def _if_old(self, entry: KeyValue) -> tuple[Claim, int] | None:
        claim = read_claim(entry)
        if claim is None or self._clock.now().timestamp() - claim.made < GRACE_S:
            return None
        return claim, entry.revision

    def _document(self, key: bytes, owner: Owner) -> bytes:
        """Return a claim; no two are alike, so that writing one anew moves its revision."""
        name = key.rpartition(b"/")[2].decode()
        of_address = key.startswith(ADDRESSES)
        meta: dict[str, object] = {
            "name": name,
            "uid": new_uid(self._random),
            "creationTimestamp": self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "annotations": {SERVICE_UID: owner.uid},
        }
        if of_address:
            meta["labels"] = {
                "ipaddress.kubernetes.io/ip-family": "IPv4",
                "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
            }
        document = {
            "kind": "IPAddress" if of_address else "NodePortClaim",
            "apiVersion": "networking.k8s.io/v1" if of_address else "kubedyno.dev/v1",
            "metadata": meta,
            "spec": {
                "parentRef": {
                    "group": "",
                    "resource": "services",
                    "namespace": owner.namespace,
                    "name": owner.name,
                }
            },
        }
        return json.dumps(document, separators=(",", ":")).encode()
