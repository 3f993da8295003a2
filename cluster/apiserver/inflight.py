"""How many requests are served at once, and for how long one may take.

How this works. Every request that does not run for long by nature enters before its verb is served
and leaves after; reads and writes are counted apart, and one beyond its limit is refused at once.
What has entered stands in a table in the order of entering, which is the order of deadlines, so one
timer for the oldest is enough: a request costs two entries in a table, not a timer. Where a client
asks for a shorter time, its request has a timer of its own. What is late gets its task cancelled,
as ``asyncio.timeout`` does it, and ``excuse`` tells the one that was cancelled for that from the
one whose client went away.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Final

from cluster.apiserver.calls import Call
from cluster.apiserver.errors import StatusError, bad_request, timed_out, too_many_requests

READ: Final = "readOnly"
WRITE: Final = "mutating"

_DURATION: Final = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?(?:ns|us|µs|ms|s|m|h))+")
_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]*)?)(ns|us|µs|ms|s|m|h)")
_SECONDS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one API server takes on at once; 0: without a limit."""

    reads: int = 400
    writes: int = 200
    request_s: float = 60.0
    """How long a request may take; a client may ask for less (``timeout=5s``)."""


class Inflight:
    """The requests that are being served now; ``running`` is kept up to date for the metrics."""

    def __init__(self, limits: Limits, running: dict[str, int]) -> None:
        self._running = running
        self.refused = {READ: 0, WRITE: 0}
        """Requests beyond a limit."""
        self.late = 0
        """Requests that did not end in time."""
        self._most = {READ: limits.reads, WRITE: limits.writes}
        self.limit_s = limits.request_s
        """How long a request may take; 0: for ever."""
        self._loop = asyncio.get_running_loop()
        self._time = self._loop.time
        self._calls: dict[Call, None] = {}
        self._timers: dict[Call, asyncio.TimerHandle] = {}
        self._late: set[Call] = set()
        self._timer: asyncio.TimerHandle | None = None

    def enter(self, call: Call, kind: str) -> None:
        """Take a request on (hot path). Raises StatusError 429 beyond the limit, 400 for a timeout.

        Who enters must ``leave``.
        """
        running = self._running[kind]
        if 0 < self._most[kind] <= running:
            self.refused[kind] += 1
            raise too_many_requests()
        if call.query and "timeout" in call.query:
            self._hurry(call, asked_s(call.query["timeout"]))
        self._running[kind] = running + 1
        call.task = asyncio.current_task(self._loop)
        if self.limit_s:
            call.deadline = deadline = self._time() + self.limit_s
            self._calls[call] = None
            if self._timer is None:
                self._timer = self._loop.call_at(deadline, self._look)

    def leave(self, call: Call, kind: str) -> None:
        """Let a request go, whatever became of it (hot path)."""
        self._running[kind] -= 1
        if self.limit_s:
            self._calls.pop(call, None)
        if self._timers:
            timer = self._timers.pop(call, None)
            if timer is not None:
                timer.cancel()
        if self._late:
            self._late.discard(call)

    def excuse(self, call: Call) -> StatusError:
        """Return what a request is answered that was cancelled for being late.

        Raises CancelledError if it was cancelled for another reason, or has begun its answer.
        """
        if call not in self._late or call.answered:
            raise asyncio.CancelledError
        if call.task is not None and call.task.uncancel() > 0:
            raise asyncio.CancelledError
        return timed_out(unknown=call.received and call.method != "GET")

    def _hurry(self, call: Call, asked_s: float) -> None:
        if asked_s and (not self.limit_s or asked_s < self.limit_s):
            self._timers[call] = self._loop.call_later(asked_s, self._cancel, call)

    def _look(self) -> None:
        """Cancel what is late; wake up again for the oldest that is not."""
        self._timer = None
        now = self._time()
        while self._calls:
            call = next(iter(self._calls))
            if call.deadline > now:
                self._timer = self._loop.call_at(call.deadline, self._look)
                return
            del self._calls[call]
            self._cancel(call)

    def _cancel(self, call: Call) -> None:
        if call in self._late:
            return
        self.late += 1
        self._late.add(call)
        if call.task is not None:
            call.task.cancel()

    def flat(self) -> dict[str, int]:
        """Return the counters under the names that ``--stats`` uses."""
        return {
            "requests_refused_reads": self.refused[READ],
            "requests_refused_writes": self.refused[WRITE],
            "requests_late": self.late,
        }

    def shut_down(self) -> None:
        """Forget the timer; requests under way may end."""
        if self._timer is not None:
            self._timer.cancel()


def asked_s(text: str) -> float:
    """Return the seconds of a duration such as ``1m30s``; 0 for none. Raises StatusError 400."""
    if text in {"", "0"}:
        return 0.0
    if not _DURATION.fullmatch(text):
        why = f'time: invalid duration "{text}"'
        raise bad_request(f"invalid timeout specified in the request URL - {why}")
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
