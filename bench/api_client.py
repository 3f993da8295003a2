"""The measuring process's client: the cell's codec over its own transport, bytes counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from cluster.client.exchange import Request
from cluster.client.history import HistoryWriter
from cluster.client.interface import ApiClient, ApiError, TransportError
from cluster.client.rest import ClientOptions, RestClient
from cluster.client.traffic import TrafficMeter
from cluster.client.transport import HttpTransport, TransportOptions
from cluster.processes.keeping_history import recorded
from serialization.kinds import NAMESPACES
from storage.clock import Clock

SCRAPE_S_MAX = 30.0
OLD_READ = "/api/v1/nodes?limit=1"


@dataclass(frozen=True, slots=True)
class Connection:
    """A client, and the transport below it."""

    client: ApiClient
    """Writes down its requests, where a history is kept."""
    transport: HttpTransport
    meter: TrafficMeter
    others: Sequence[HttpTransport] = ()
    """To the other API servers of the same store, whose /metrics count, too."""

    async def revision(self) -> int:
        """Return the store's revision, as the list of a small kind tells it; 0 if it cannot."""
        try:
            return int((await self.client.list_raw(NAMESPACES)).resource_version)
        except (ApiError, TransportError, ValueError):
            return 0

    async def read_at(self, revision: int) -> int:
        """List as of a revision; return the answer's code, 0 where there was none."""
        target = f"{OLD_READ}&resourceVersion={revision}&resourceVersionMatch=Exact"
        try:
            answer = await self.transport.request(Request("GET", target), timeout_s=SCRAPE_S_MAX)
        except TransportError:
            return 0
        return answer.code

    async def metrics(self) -> str:
        """Return the /metrics of all API servers, one after the other; empty if one is missing.

        So what readers of it add up over series is added up over servers.
        """
        every = (self.transport, *self.others)
        texts = await asyncio.gather(*(_metrics(transport) for transport in every))
        return "\n".join(texts) if all(texts) else ""

    def traffic(self) -> dict[str, int]:
        """Return the bytes so far: ``sent``, ``received``."""
        counts = self.meter.by_call.values()
        return {
            "sent": sum(traffic.sent_bytes for traffic in counts),
            "received": sum(traffic.received_bytes for traffic in counts),
        }


async def _metrics(transport: HttpTransport) -> str:
    try:
        answer = await transport.request(Request("GET", "/metrics"), timeout_s=SCRAPE_S_MAX)
    except TransportError:
        return ""
    return answer.body.decode("utf-8", "replace") if answer.code == 200 else ""


@asynccontextmanager
async def connect(
    urls: Sequence[str], codec: str, clock: Clock, history: HistoryWriter | None = None
) -> AsyncIterator[Connection]:
    """Give a client in a codec (a name in ``CODECS``) of the first of a store's API servers."""
    url, *rest = urls
    async with AsyncExitStack() as stack:
        transport, *others = [
            await stack.enter_async_context(HttpTransport(TransportOptions(each), clock))
            for each in (url, *rest)
        ]
        options = ClientOptions(base_url=url, codec=codec, user_agent="kubedyno-measuring")
        client = RestClient(options, clock, transport)
        yield Connection(recorded(client, history, "work"), transport, client.meter, others)
