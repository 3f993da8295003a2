"""What a client asks of a log, read off a query string."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qsl

from cluster.kubelet.transcript import Line, LogError
from serialization.times import TimeFormatError, parse_time


class LogOptions(NamedTuple):
    """Which part of a log, and how."""

    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    tail_lines: int | None = None
    limit_bytes: int | None = None
    since_seconds: int | None = None
    since_time_s: int = 0

    def since_s(self, now_s: int) -> int:
        """Return from when on lines are wanted, Unix seconds."""
        if self.since_seconds is not None:
            return now_s - self.since_seconds
        return self.since_time_s

    def tail(self, lines: list[Line]) -> list[Line]:
        """Return the last lines, if only those are wanted."""
        if self.tail_lines is None:
            return lines
        return lines[max(len(lines) - self.tail_lines, 0) :]


def log_options(query: bytes) -> LogOptions:
    """Read the options of a query. Raises LogError 400."""
    given = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    try:
        return LogOptions(
            follow=_flag(given, "follow"),
            previous=_flag(given, "previous"),
            timestamps=_flag(given, "timestamps"),
            tail_lines=_number(given, "tailLines"),
            limit_bytes=_number(given, "limitBytes"),
            since_seconds=_number(given, "sinceSeconds"),
            since_time_s=parse_time(given["sinceTime"]) if given.get("sinceTime") else 0,
        )
    except (ValueError, TimeFormatError) as error:
        raise LogError(400, f"unable to decode the request for container logs: {error}") from error


def _flag(given: dict[str, str], name: str) -> bool:
    return given.get(name, "false") not in {"0", "false", "False"}


def _number(given: dict[str, str], name: str) -> int | None:
    text = given.get(name, "")
    return int(text) if text else None
