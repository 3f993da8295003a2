"""An ``EventSink`` of two functions, for those to whom a change is what is seen now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from google.protobuf.message import Message

from cluster.client.interface import CachedObject

M_contra = TypeVar("M_contra", bound=Message, contravariant=True)


class Sink(Generic[M_contra]):
    """Tells ``seen`` of every new state, and ``gone`` of every object that is no more.

    One that was deleted and made again unnoticed is gone first.
    """

    def __init__(
        self,
        seen: Callable[[CachedObject[M_contra]], None],
        gone: Callable[[CachedObject[M_contra]], None],
    ) -> None:
        self._seen = seen
        self._gone = gone

    def added(self, new: CachedObject[M_contra]) -> None:
        self._seen(new)

    def updated(self, old: CachedObject[M_contra], new: CachedObject[M_contra]) -> None:
        if old.uid != new.uid:
            self._gone(old)
        self._seen(new)

    def deleted(self, last: CachedObject[M_contra]) -> None:
        self._gone(last)
