"""What can be wrong with bytes: one error for every sort of malformed input."""

from __future__ import annotations


class DecodeError(ValueError):
    """Input that is not what it should be. ``path`` names the place, ``spec.containers[0].name``.

    The path is empty where the input as a whole is at fault (no JSON at all, a torn frame).
    """

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.reason = reason
        self.path = path


class EncodeError(ValueError):
    """A message that has no encoding in this media type (an unset type, bytes that are no JSON)."""
