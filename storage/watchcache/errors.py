"""What the cache adds to the store's errors.

A history that no longer reaches back is ``storage.errors.CompactedError``, a revision that has not
come in time ``FutureRevisionError``: a reader need not know whether cache or store said so.
"""

from __future__ import annotations


class NotCachedError(LookupError):
    """The resource is not one that this cache was made for."""
