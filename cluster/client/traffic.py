"""What a client asked and what it cost: the record of each request, and bytes by verb and resource.

Latencies are measured here, in the process that asked, from before the request was written to when
the last bytes of its answer were read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from serialization.scheme import Resource


class Call(NamedTuple):
    """What a request is about, in the words of Kubernetes' API metrics."""

    verb: str
    """GET, LIST, WATCH, POST, PUT or DELETE."""
    resource: Resource
    subresource: str = ""
    scope: str = "resource"
    """``resource`` for one object (and a creation), ``namespace`` or ``cluster`` for a list."""


class RequestRecord(NamedTuple):
    """One request, done. A watch is recorded when it ends."""

    verb: str
    resource: str
    """The plural."""
    subresource: str
    scope: str
    code: int
    """The HTTP code; 0 where no answer came."""
    start_ns: int
    end_ns: int
    sent_bytes: int
    received_bytes: int


Observer = Callable[[RequestRecord], None]
"""Told of every request, on the loop; must neither block nor raise."""


@dataclass(slots=True)
class Traffic:
    """Requests and bytes on the socket, heads and framing included, TLS not."""

    requests: int = 0
    sent_bytes: int = 0
    received_bytes: int = 0


class TrafficMeter:
    """Counts by verb and resource, and tells the observer."""

    def __init__(self, observer: Observer | None) -> None:
        self._observer = observer
        self._by_parts: dict[tuple[str, str, str], Traffic] = {}

    @property
    def by_call(self) -> dict[tuple[str, str], Traffic]:
        """Return the counts so far, by (verb, resource): ``("PUT", "pods/status")``."""
        return {
            (verb, f"{plural}/{subresource}" if subresource else plural): traffic
            for (verb, plural, subresource), traffic in self._by_parts.items()
        }

    def of(self, call: Call) -> Traffic:
        """Return the running counts that a call belongs to."""
        key = (call.verb, call.resource.plural, call.subresource)
        traffic = self._by_parts.get(key)
        if traffic is None:
            traffic = self._by_parts[key] = Traffic()
        return traffic

    def done(self, call: Call, code: int, stamps: tuple[int, int], sizes: tuple[int, int]) -> None:
        """Tell of a request: (start, end) in ns, (sent, received) in bytes, counted already."""
        if self._observer is not None:
            verb, resource, subresource, scope = call
            self._observer(
                RequestRecord(verb, resource.plural, subresource, scope, code, *stamps, *sizes)
            )
