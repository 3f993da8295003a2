"""Durations as Kubernetes' users write them (``1m30s``, ``250ms``), and as its messages do."""

from __future__ import annotations

import re
from typing import Final

from cluster.kubelet.latency import Latency

UNITS_MS: Final = {"ms": 1.0, "s": 1e3, "m": 60e3, "h": 3600e3}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)", re.ASCII)
_WHOLE: Final = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)


def parse_duration_ms(text: str) -> float:
    """Return the milliseconds of ``1h2m3.5s`` or ``0``. Raises ValueError."""
    if text == "0":
        return 0.0
    if _WHOLE.fullmatch(text) is None:
        raise ValueError(f"not a duration: {text!r} (as 250ms, 5s, 1m30s)")
    return sum(float(number) * UNITS_MS[unit] for number, unit in _PART.findall(text))


def parse_span(text: str) -> Latency:
    """Read ``5s`` (always five seconds) or ``1s:5s`` (evenly between). Raises ValueError."""
    low, colon, high = text.partition(":")
    span = Latency(parse_duration_ms(low), parse_duration_ms(high if colon else low))
    if span.low_ms > span.high_ms:
        raise ValueError(f"not a span of time: {text!r} (SHORTEST:LONGEST)")
    return span


def format_duration(seconds: int) -> str:
    """Write whole seconds as Go does: ``10s``, ``1m20s``, ``5m0s``, ``1h0m0s``."""
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minute}m{second}s"
    return f"{minute}m{second}s" if minute else f"{second}s"
