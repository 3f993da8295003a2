"""Whose an etcd is: writes share revisions only where one kubedyno API server has it to itself.

How it works. Who batches holds ``OWNER_KEY``, attached to a lease that it keeps alive. Every batch
compares that this very key is still there, so etcd itself refuses one that comes too late: a batch
is never carried out in an etcd that is no longer ours. Such writes go singly, which is safe in
anybody's etcd, and the key is claimed anew as soon as it is free.

An opener that finds the key waits for as long as nobody renews its lease: after a crash the key is
gone in ``TTL_S`` at most, and then the etcd is taken over; an owner that lives renews it every
``RENEW_S``, and the opener is refused. Openers that do not batch look, too: what they serve would
not resume as they declare it. Who opened without batching *before* the owner is not noticed.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from typing import Final

from serialization.api.etcd import kv_pb2
from serialization.api.etcd import rpc_pb2 as rpc
from storage.errors import StoreOpenError
from storage.remote.etcd3.failures import CallError
from storage.remote.etcd3.keys import CREATE, put_op, range_op
from storage.remote.etcd3.link import Link
from storage.remote.etcd3.rpc import GRANT, RANGE, REVOKE, TIME_TO_LIVE, TXN

_log = logging.getLogger(__name__)

OWNER_KEY: Final = b"/kubedyno/batch-owner"
"""Not under the prefix of the store's address: revisions are those of the whole etcd."""

TTL_S: Final = 10
"""An etcd that has no leader for 5 s does not lose us our lease."""

RENEW_S: Final = 2.5
LOOK_S: Final = 0.5
"""How often an opener looks whether the owner that it has found lives."""

LOOKS_MAX: Final = 60
RELEASE_S_MAX: Final = 2.0


class Ownership:
    """Holds an etcd for one store, from ``claim`` to ``release``."""

    def __init__(self, link: Link) -> None:
        self.losses = 0
        """How often it was found that the etcd was not ours any more."""
        self._link = link
        self._lease = 0
        self._created = 0
        """At which revision our key was made; 0: it is not known to be there."""

    def proof(self) -> rpc.Compare | None:
        """Return what holds in etcd while it is ours; None where it is not known to be."""
        if not self._created:
            return None
        return rpc.Compare(key=OWNER_KEY, target=CREATE, create_revision=self._created)

    def disproved(self) -> None:
        """Take note that the last proof did not hold."""
        if self._created:
            self._created = 0
            self.losses += 1
            _log.warning("this etcd is not ours alone any more: writes go singly")

    async def claim(self) -> None:
        """Become the owner. Raises StoreOpenError where there is another one, CallError."""
        holder = await self._take()
        if holder is None:
            return
        try:
            while holder is not None:
                await _until_free(self._link, holder)
                holder = await self._take()
        except BaseException:
            await self.release()
            raise

    async def keep(self) -> None:
        """Renew the claim until cancelled; one that was lost is made anew when it can be."""
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                if self._lease and not await self._link.keep_alive(self._lease):
                    self.disproved()
                    self._lease = 0
                if not self._created:
                    await self._take()
            except CallError as error:
                _log.info("the claim on %s is not renewed: %s", self._link.endpoint, error)

    async def release(self) -> None:
        """Give it up, so that the next one need not wait; at worst the lease runs out."""
        lease, self._lease, self._created = self._lease, 0, 0
        if not lease:
            return
        try:
            await self._link.once(REVOKE, rpc.LeaseRevokeRequest(ID=lease), RELEASE_S_MAX)
        except CallError as error:
            _log.info("the claim on %s runs out by itself: %s", self._link.endpoint, error)

    async def _take(self) -> kv_pb2.KeyValue | None:
        """Make the key, or return that of the owner. Raises CallError.

        It may be asked twice where an answer was lost: a key with our lease is ours.
        """
        if not self._lease:
            granted = await self._link.read(GRANT, rpc.LeaseGrantRequest(TTL=TTL_S))
            self._lease = granted.ID
        request = rpc.TxnRequest(
            compare=(rpc.Compare(key=OWNER_KEY, target=CREATE, create_revision=0),),
            success=(put_op(OWNER_KEY, _ourselves(), self._lease),),
            failure=(range_op(OWNER_KEY),),
        )
        answer = await self._link.read(TXN, request)
        if answer.succeeded:
            self._created = answer.header.revision
            return None
        holder = answer.responses[0].response_range.kvs[0]
        if holder.lease != self._lease:
            return holder
        self._created = holder.create_revision
        return None


async def check_unowned(link: Link) -> None:
    """Raise StoreOpenError where somebody batches; wait while that is not sure."""
    try:
        answer = await link.read(RANGE, rpc.RangeRequest(key=OWNER_KEY))
    except CallError as error:
        if error.code == "PERMISSION_DENIED":  # who may not look does not share keys with it
            return
        raise
    if answer.kvs:
        await _until_free(link, answer.kvs[0])


async def _until_free(link: Link, holder: kv_pb2.KeyValue) -> None:
    """Return once the owner's lease has run out. Raises StoreOpenError if it lives, CallError.

    It lives if it has more time left than it had before, less what has passed since; etcd tells
    whole seconds.
    """
    request = rpc.LeaseTimeToLiveRequest(ID=holder.lease)
    first_s = TTL_S
    for look in range(LOOKS_MAX):
        left_s = (await link.read(TIME_TO_LIVE, request)).TTL
        if left_s < 0:
            return
        first_s = first_s if look else left_s
        if left_s > first_s - look * LOOK_S + 1:
            break
        await asyncio.sleep(LOOK_S)
    name = holder.value.decode(errors="replace")
    raise StoreOpenError(
        f"{link.endpoint} belongs to {name} alone, whose writes share revisions (--etcd-batch on); "
        "open it when that has ended"
    )


def _ourselves() -> bytes:
    return f"process {os.getpid()} on {socket.gethostname()}".encode()
