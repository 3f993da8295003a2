"""Times as Go writes them: RFC 3339 with up to nine digits of a second."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

NEVER: Final = "0001-01-01T00:00:00Z"
"""Go's zero time: no expiration."""

_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")


def format_time(time_ns: int) -> str:
    """Return wall time in nanoseconds since the epoch as Go writes it; 0: its zero time."""
    if not time_ns:
        return NEVER
    seconds, rest = divmod(time_ns, 10**9)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{text}{fraction}Z"


def parse_time(text: str) -> int:
    """Return wall time in nanoseconds since the epoch; 0 for Go's zero time.

    Raises ValueError.
    """
    if text == NEVER:
        return 0
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"no time: {text!r}")
    zone = UTC if found[3] == "Z" else _zone(found[3])
    moment = datetime.strptime(found[1], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=zone)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    seconds = since.days * 86_400 + since.seconds
    return seconds * 10**9 + int((found[2] or "0").ljust(9, "0"))


def _zone(text: str) -> timezone:
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[4:]))
    return timezone(-offset if text[0] == "-" else offset)
