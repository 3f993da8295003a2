"""The number of a server among all that ever ran on a store that several share."""

from __future__ import annotations

from typing import Final

from storage.errors import ConflictError, KeyExistsError, KeyNotFoundError, UnknownOutcomeError
from storage.interface import Store
from storage.records import KeyValue

KEY: Final = b"/registry/kubedyno.dev/apiservers"
"""Holds the last number that was given out, as text. A real API server does not look there."""

TRIES: Final = 64
"""Each failed one means that another server has drawn, or that an answer was lost."""


async def next_incarnation(store: Store) -> int:
    """Draw a number that no other server on this store has or will have.

    Raises StoreError where the store cannot be written.
    """
    found: KeyValue | None = None
    for _ in range(TRIES - 1):
        try:
            return await _draw(store, found)
        except (KeyExistsError, ConflictError) as error:
            found = error.current
        except (KeyNotFoundError, UnknownOutcomeError):  # at worst one is skipped
            found = await store.get(KEY)
    return await _draw(store, found)


async def _draw(store: Store, found: KeyValue | None) -> int:
    if found is None:
        await store.create(KEY, b"1")
        return 1
    number = int(found.value) + 1
    await store.update(KEY, b"%d" % number, expected=found.revision)
    return number
