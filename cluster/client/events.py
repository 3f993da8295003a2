"""The event recorder: tells what a component did, without ever making it wait.

``record`` only puts the event in line; a few workers post it. The line is bounded: what finds it
full is dropped and counted, since an event is never worth the work that it reports. Aggregation is
thin: the same event on the same object is written once, and when it comes again its count is
raised (PUT) as long as it is among the last ``RECENT_MAX``.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Final, NamedTuple, Protocol

from cluster.client.interface import ApiClient, ApiError, TransportError
from serialization.api.core.v1_pb2 import Event, EventSource, ObjectReference
from serialization.api.meta.v1_pb2 import ObjectMeta, Time
from serialization.errors import DecodeError
from serialization.kinds import EVENTS
from storage.clock import Clock

RECENT_MAX: Final = 4096
"""How many posted events are remembered for their count, as client-go's cache does."""

NORMAL: Final = "Normal"
WARNING: Final = "Warning"


class Recorder(Protocol):
    """Where a component says what it did."""

    def record(
        self, about: ObjectReference, reason: str, message: str, *, warning: bool = False
    ) -> None:
        """Report on an object; returns at once and never raises."""
        ...


class SilentRecorder:
    """The recorder of ``--events off``."""

    def record(
        self, about: ObjectReference, reason: str, message: str, *, warning: bool = False
    ) -> None:
        return


class _Identity(NamedTuple):
    """What makes two events the same but for their count."""

    uid: str
    field: str
    kind: str
    reason: str
    message: str
    source: str


class _Waiting(NamedTuple):
    event: Event
    identity: _Identity


class EventRecorder:
    """Posts events in the background; ``run`` must be running for any to leave."""

    def __init__(
        self,
        client: ApiClient,
        clock: Clock,
        *,
        component: str,
        waiting_max: int = 10_000,
        workers: int = 8,
    ) -> None:
        self._client = client
        self._clock = clock
        self._component = component
        self._line: asyncio.Queue[_Waiting] = asyncio.Queue(waiting_max)
        self._recent: OrderedDict[_Identity, Event] = OrderedDict()
        self._workers = workers
        self._last_stamp = 0
        self.posted = 0
        self.dropped = 0
        """Events that found the line full."""
        self.failed = 0
        """Events that the server refused, or that got no answer."""

    @property
    def waiting(self) -> int:
        """How many events are in line now."""
        return self._line.qsize()

    def for_host(self, host: str) -> HostRecorder:
        """Return a recorder whose events name ``host`` as their source, sharing this line."""
        return HostRecorder(self, host)

    def record(
        self, about: ObjectReference, reason: str, message: str, *, warning: bool = False
    ) -> None:
        self.record_from("", about, (reason, message), warning=warning)

    def record_from(
        self, host: str, about: ObjectReference, text: tuple[str, str], *, warning: bool
    ) -> None:
        """Put an event of ``text`` (reason, message) in line; dropped when the line is full."""
        if self._line.full():
            self.dropped += 1
            return
        reason, message = text
        identity = _Identity(about.uid, about.fieldPath, about.kind, reason, message, host)
        self._line.put_nowait(_Waiting(self._event(host, about, text, warning=warning), identity))

    def _event(
        self, host: str, about: ObjectReference, text: tuple[str, str], *, warning: bool
    ) -> Event:
        now = self._clock.now()
        stamp = max(int(now.timestamp() * 1e6) * 1000, self._last_stamp + 1)
        self._last_stamp = stamp
        at = Time(seconds=stamp // 10**9)
        return Event(
            metadata=ObjectMeta(
                name=f"{about.name}.{stamp:x}", namespace=about.namespace or "default"
            ),
            involvedObject=about,
            reason=text[0],
            message=text[1],
            source=EventSource(component=self._component, host=host or None),
            firstTimestamp=at,
            lastTimestamp=at,
            count=1,
            type=WARNING if warning else NORMAL,
            reportingComponent=self._component,
            reportingInstance=host,
        )

    async def run(self) -> None:
        """Post what is recorded, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            waiting = await self._line.get()
            try:
                await self._post(waiting)
                self.posted += 1
            except (ApiError, TransportError, DecodeError):
                self.failed += 1
            finally:
                self._line.task_done()

    async def _post(self, waiting: _Waiting) -> None:
        event, identity = waiting
        before = self._recent.get(identity)
        stored: Event | None = None
        if before is not None:
            stored = await self._count_again(before, event)
        if stored is None:
            stored = await self._client.create(EVENTS, event.metadata.namespace, event)
        self._recent[identity] = stored
        self._recent.move_to_end(identity)
        if len(self._recent) > RECENT_MAX:
            self._recent.popitem(last=False)

    async def _count_again(self, before: Event, event: Event) -> Event | None:
        """Raise the count of an event that was posted before; None when it must be posted anew."""
        again = Event()
        again.CopyFrom(before)
        again.count += 1
        again.lastTimestamp.CopyFrom(event.lastTimestamp)
        try:
            return await self._client.update(EVENTS, again)
        except ApiError as error:
            if error.code in {404, 409}:  # its hour is over, or another worker counted at once
                return None
            raise

    async def drain(self) -> None:
        """Wait until the line is empty and nothing is in flight."""
        await self._line.join()


class HostRecorder:
    """One host's face of a recorder that many share (hollow nodes)."""

    def __init__(self, recorder: EventRecorder, host: str) -> None:
        self._recorder = recorder
        self._host = host

    def record(
        self, about: ObjectReference, reason: str, message: str, *, warning: bool = False
    ) -> None:
        self._recorder.record_from(self._host, about, (reason, message), warning=warning)
