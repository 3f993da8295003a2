"""etcd's calls: their paths and messages, and what carries them.

The messages are ours (``serialization.api.etcd``), whose package is not etcd's, so each method is
called by its path with its serializers.
"""

from __future__ import annotations

from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from google.protobuf.message import Message

from serialization.api.etcd import rpc_pb2 as rpc

Ask = TypeVar("Ask", bound=Message)
Answer = TypeVar("Answer", bound=Message)

Metadata = tuple[tuple[str, str], ...]

CLIENT_VERSION: Final = ("client-api-version", "3.5")
"""For etcd's metrics. Shown with a stream, not with each call: there it would cost 4 us of 90."""
HAS_LEADER: Final = ("hasleader", "true")
"""A member that has lost its leader ends the stream, so that another can be asked."""


class Method(NamedTuple, Generic[Ask, Answer]):
    """A call with one question and one answer."""

    path: str
    answer: type[Answer]


RANGE: Final = Method[rpc.RangeRequest, rpc.RangeResponse]("KV/Range", rpc.RangeResponse)
TXN: Final = Method[rpc.TxnRequest, rpc.TxnResponse]("KV/Txn", rpc.TxnResponse)
COMPACT: Final = Method[rpc.CompactionRequest, rpc.CompactionResponse](
    "KV/Compact", rpc.CompactionResponse
)
GRANT: Final = Method[rpc.LeaseGrantRequest, rpc.LeaseGrantResponse](
    "Lease/LeaseGrant", rpc.LeaseGrantResponse
)
REVOKE: Final = Method[rpc.LeaseRevokeRequest, rpc.LeaseRevokeResponse](
    "Lease/LeaseRevoke", rpc.LeaseRevokeResponse
)
TIME_TO_LIVE: Final = Method[rpc.LeaseTimeToLiveRequest, rpc.LeaseTimeToLiveResponse](
    "Lease/LeaseTimeToLive", rpc.LeaseTimeToLiveResponse
)
STATUS: Final = Method[rpc.StatusRequest, rpc.StatusResponse](
    "Maintenance/Status", rpc.StatusResponse
)
AUTHENTICATE: Final = Method[rpc.AuthenticateRequest, rpc.AuthenticateResponse](
    "Auth/Authenticate", rpc.AuthenticateResponse
)
METHODS: Final = (RANGE, TXN, COMPACT, GRANT, REVOKE, TIME_TO_LIVE, STATUS, AUTHENTICATE)
WATCH: Final = "Watch/Watch"
KEEP_ALIVE: Final = "Lease/LeaseKeepAlive"
SERVICE: Final = "/etcdserverpb."


class Stream(Protocol):
    """A watch stream. Both calls raise CallError where it has ended."""

    async def write(self, request: rpc.WatchRequest) -> None:
        """Send a request."""
        ...

    async def read(self) -> rpc.WatchResponse:
        """Return the next response."""
        ...

    def cancel(self) -> None:
        """End it."""
        ...


class TlsFiles(NamedTuple):
    """What a TLS connection is made with; empty: the system's certificates, no client's."""

    cacert: bytes | None
    cert: bytes | None
    key: bytes | None


class Connection(Protocol):
    """To one endpoint; made on the loop that uses it, it connects when it is used."""

    target: str

    async def call(
        self, method: Method[Ask, Answer], request: Ask, timeout_s: float, metadata: Metadata
    ) -> Answer:
        """Ask once. Raises CallError."""
        ...

    def watch(self, metadata: Metadata) -> Stream:
        """Open a watch stream."""
        ...

    async def keep_alive(self, lease_id: int, timeout_s: float, metadata: Metadata) -> int:
        """Renew a lease, over a stream of its own; return its TTL, 0 if it is gone.

        Raises CallError.
        """
        ...

    async def close(self) -> None:
        """End it; calls in flight fail, as all later ones."""
        ...
