"""The contract of an allocator: the one place where a write needs more than its object.

Strategies are pure. What a new object gets out of a pool depends on what all others have, so it is
asked of an allocator, given to the server at assembly. A verb enters the hold after validation and
leaves it when the store has answered: a write that went through is then in the watch cache, where
the allocator sees it; one that failed leaves nothing behind.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Final, Protocol

from google.protobuf.message import Message

Hold = AbstractContextManager[object]
"""Keeps others from what was handed out, while entered."""

NOTHING_HELD: Final[Hold] = nullcontext()
"""For kinds to which nothing is handed out; it can be entered any number of times."""


class Allocator(Protocol):
    """Hands out to the objects of one kind."""

    def hold(self, obj: Message) -> Hold:
        """Fill in what ``obj`` is to have, and hold it and what it asks for by itself.

        An object has what the cache says that its uid has; asking for that again is no conflict.
        Raises StatusError: 422 for what is taken or out of range, 500 when nothing is left.
        """
        ...
