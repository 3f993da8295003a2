"""The contract of an allocator: the one place where a write needs more than its object.

Strategies are pure. What a new object gets out of a pool depends on what all others have, so it is
asked of an allocator, given to the server at assembly. A verb enters the hold after validation and
leaves it when the store has answered: a write that went through is then in the watch cache, where
the allocator sees it; one that failed leaves nothing behind.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from typing import Final, Protocol

from google.protobuf.message import Message

Hold = AbstractContextManager[object]
"""Keeps others from what was handed out, while entered."""

NOTHING_HELD: Final[Hold] = nullcontext()
"""For kinds to which nothing is handed out; it can be entered any number of times."""


NOTHING_LEFT: Final[AbstractAsyncContextManager[None]] = nullcontext()
"""For the removal of what had nothing that was to be freed."""


class Allocator(Protocol):
    """Hands out to the objects of one kind."""

    def hold(self, obj: Message) -> Hold:
        """Fill in what ``obj`` is to have, and hold it and what it asks for by itself.

        An object has what the cache says that its uid has; asking for that again is no conflict.
        Raises StatusError: 422 for what is taken or out of range, 500 when nothing is left.
        """
        ...


class SharedAllocator(Protocol):
    """Hands out to the objects of one kind where several servers share a store.

    It is asked instead of an ``Allocator``: what it hands out is claimed in the store.
    """

    def hold(
        self, obj: Message, old: Message | None, *, dry_run: bool
    ) -> AbstractAsyncContextManager[None]:
        """Fill in what ``obj`` is to have; entered from before its write until after.

        ``old`` is the state that the write is to replace, and only that one: what it has needs no
        claim. Raises StatusError as ``Allocator.hold`` does, and StoreError.
        """
        ...

    def leave(self, obj: Message) -> AbstractAsyncContextManager[None]:
        """Free what ``obj`` has; entered from before its removal until after. Raises StoreError."""
        ...
