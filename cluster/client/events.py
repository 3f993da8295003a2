"""The event recorder: tells what a component did, without ever making it wait.

``record`` only puts the event in line; a few workers post it. The line is bounded: what finds it
full is dropped and counted, since an event is never worth the work that it reports. Events that
repeat themselves are counted, combined or withheld first (``event_correlation``). A repetition is
one PUT, as client-go's is one PATCH, in the order of their counts.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, NamedTuple, Protocol

from cluster.client.event_correlation import About, Correlator, Series, Text
from cluster.client.interface import ApiClient, ApiError, TransportError
from serialization.api.core.v1_pb2 import Event, ObjectReference
from serialization.errors import DecodeError
from serialization.kinds import EVENTS
from storage.clock import Clock

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


class _Waiting(NamedTuple):
    event: Event
    series: Series


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
        self.component = component
        self._line: asyncio.Queue[_Waiting] = asyncio.Queue(waiting_max)
        self._correlator = Correlator()
        self._behind: dict[Series, deque[Event]] = {}
        """Repetitions of events that are being written."""
        self._workers = workers
        self._last_stamp = 0
        self.posted = 0
        self.dropped = 0
        """Events that found the line full."""
        self.withheld = 0
        """Events of which too many were told before, about one object."""
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
        now = self._clock.now().timestamp()
        reason, message = text
        told = self._correlator.judge(
            About(host, about.kind, about.namespace, about.name, about.uid),
            Text(reason, message, about.fieldPath, warning),
            now,
        )
        if told is None:
            self.withheld += 1
            return
        self._last_stamp = stamp = max(int(now * 1e6) * 1000, self._last_stamp + 1)
        series, times, message = told
        # Set one by one: messages given to the constructor are serialized and parsed.
        event = Event(
            reason=reason,
            message=message,
            count=times,
            type=WARNING if warning else NORMAL,
            reportingComponent=self.component,
            reportingInstance=host,
        )
        metadata, source = event.metadata, event.source
        metadata.name = f"{about.name}.{stamp:x}"
        metadata.namespace = about.namespace or "default"
        event.involvedObject.CopyFrom(about)
        source.component = self.component
        if host:
            source.host = host
        event.firstTimestamp.seconds = series.first_s
        event.lastTimestamp.seconds = stamp // 10**9
        self._line.put_nowait(_Waiting(event, series))

    async def run(self) -> None:
        """Post what is recorded, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            event, series = await self._line.get()
            try:
                if series.busy:
                    self._behind.setdefault(series, deque()).append(event)
                else:
                    await self._post_all(event, series)
            finally:
                self._line.task_done()

    async def _post_all(self, event: Event, series: Series) -> None:
        """Post an event, and the repetitions of it that come while it is under way."""
        series.busy = True
        try:
            await self._post(event, series)
            while (behind := self._behind.get(series)) is not None:
                await self._post(behind.popleft(), series)
                if not behind:
                    del self._behind[series]
        finally:
            series.busy = False
            self._behind.pop(series, None)

    async def _post(self, event: Event, series: Series) -> None:
        try:
            stored: Event | None = None
            if series.name:
                stored = await self._count_again(event, series)
            if stored is None:
                stored = await self._client.create(EVENTS, event.metadata.namespace, event)
        except (ApiError, TransportError, DecodeError):
            self.failed += 1
            return
        self.posted += 1
        series.name = stored.metadata.name
        series.resource_version = stored.metadata.resourceVersion

    async def _count_again(self, event: Event, series: Series) -> Event | None:
        """Raise the count of an event that was posted before; None when it must be posted anew."""
        again = Event()
        again.CopyFrom(event)
        again.metadata.name = series.name
        again.metadata.resourceVersion = series.resource_version
        try:
            return await self._client.update(EVENTS, again)
        except ApiError as error:
            if error.code in {404, 409}:  # its hour is over, or somebody else wrote it
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
