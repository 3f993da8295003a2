"""What the cache adds to the store's errors.

A history that no longer reaches back is ``storage.errors.CompactedError``, a revision that has not
come in time ``FutureRevisionError``: a reader need not know whether cache or store said so.
"""

from __future__ import annotations

from storage.errors import StoreError


class NotCachedError(LookupError):
    """The resource is not one that this cache was made for."""


class ReinitializingError(StoreError):
    """The resource has lost its store's thread and is being listed again: ask once more later."""

    def __init__(self, plural: str) -> None:
        super().__init__(f"{plural} are being listed again")
        self.plural = plural
