"""The measuring process's own requests: when each was due, how late it was sent, how long it took.

Latency counts from the moment at which a request was *due*, so that waiting behind a slow server
counts too (no coordinated omission).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable
from typing import NamedTuple, TypeVar

from cluster.client.interface import ApiError
from storage.clock import Clock

T = TypeVar("T")


class Call(NamedTuple):
    """One sort of request, in Kubernetes' words."""

    verb: str
    resource: str
    scope: str = "resource"
    subresource: str = ""


class Request(NamedTuple):
    """One request that was made. ``code`` is 0 where there was no answer, else the HTTP code."""

    call: Call
    due_ns: int
    sent_ns: int
    answered_ns: int
    code: int
    scheduled: bool = True
    """Whether it was due at a moment fixed before; else it was due when it was sent."""

    @property
    def latency_ns(self) -> int:
        """Return the time from due to answered."""
        return self.answered_ns - self.due_ns

    @property
    def late_ns(self) -> int:
        """Return how much later than due it was sent."""
        return self.sent_ns - self.due_ns

    @property
    def failed(self) -> bool:
        """Return whether it was refused or not answered."""
        return self.code == 0 or self.code >= 400


class RequestLog:
    """Times awaitables that are requests, and keeps what came of each."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.requests: list[Request] = []

    async def time(self, call: Call, answer: Awaitable[T], due_ns: int = 0) -> T:
        """Await an answer that was due at ``due_ns`` (0: now). Raises what the request raises."""
        sent_ns = self._clock.stamp_ns()
        code: int | None = 0
        try:
            result = await answer
            code = 201 if call.verb == "create" else 200
        except ApiError as error:
            code = error.code
            raise
        except asyncio.CancelledError:
            code = None  # taken back, as by an interrupt: it has not failed, and has no latency
            raise
        finally:
            if code is not None:
                self.requests.append(
                    Request(
                        call,
                        due_ns or sent_ns,
                        sent_ns,
                        self._clock.stamp_ns(),
                        code,
                        scheduled=bool(due_ns),
                    )
                )
        return result

    @property
    def late_p99_ms(self) -> float | None:
        """Return the 99th percentile (nearest rank) of how late what had a schedule was sent."""
        late_ms = sorted(request.late_ns / 1e6 for request in self.requests if request.scheduled)
        return late_ms[math.ceil(0.99 * len(late_ms)) - 1] if late_ms else None

    @property
    def errors(self) -> int:
        """Return how many requests failed; a 409 that was expected is not among them."""
        return sum(1 for request in self.requests if request.failed and request.code != 409)
