"""Spans of keys as bounds: from a key on, and before another (None: to the end). Pure."""

from __future__ import annotations

from storage.engine.key_index import prefix_end
from storage.mvcc import Span

OPEN_END = b"\0"
"""As the end of a span: every key from its ``key`` on."""

Bounds = tuple[bytes, bytes | None]


def bounds_of(span: Span) -> Bounds:
    """Return from where on and up to which key (not included; None: all) a span reaches."""
    if not span.end:
        return span.key, span.key + b"\0"
    return span.key, None if span.end == OPEN_END else span.end


def prefix_of(span: Span) -> bytes | None:
    """Return the prefix that all keys of a span have and no others, or None: it is no prefix."""
    low, high = bounds_of(span)
    low = b"" if low == b"\0" else low  # etcd's way to name every key: there is no empty one
    return low if span.end and prefix_end(low) == high else None


def common_prefix(span: Span) -> bytes:
    """Return a prefix that all keys of a span have."""
    if not span.end:
        return span.key
    low, high = span
    length = next((n for n, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), None)
    return low[:length] if span.end != OPEN_END else b""
