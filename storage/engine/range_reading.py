"""What a range has found and has yet to read: values are looked at in the backend, uncopied."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, Self

from storage.engine.backend import Backend
from storage.engine.key_index import row_of
from storage.engine.ranges import Found
from storage.mvcc import Take, View

VIEW_PAGE: Final = 250
"""Keys that can be taken at once: half a millisecond's reading."""


class Picked(NamedTuple):
    """What a range answers."""

    found: list[Found]
    """With their states at hand, all of them or none."""
    total: int
    """As in ``Ranged``."""
    more: bool = False
    """As in ``Ranged``."""
    keys_only: bool = False


class RangeReading:
    """A ``Reading`` of what has been picked; ``release`` is called when it ends."""

    def __init__(
        self, picked: Picked, revision: int, backend: Backend, release: Callable[[], None]
    ) -> None:
        self.total = picked.total
        self.more = picked.more
        self.revision = revision
        self._found = picked.found[::-1]
        """What is left, the next one last: it is let go page by page, for that takes time, too."""
        self._keys_only = picked.keys_only
        self._backend = backend
        self._release: Callable[[], None] | None = release

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @property
    def left(self) -> int:
        return len(self._found)

    def take(self, take: Take) -> None:
        page = self._found[: -VIEW_PAGE - 1 : -1]
        if not page:
            return

        def use(views: Iterator[View]) -> int:
            return take(zip(page, _blank(views) if self._keys_only else views, strict=False))

        if page[0][2] is None:
            rows = [point[0] if len(point) == 3 else row_of(point) for _, point, _ in page]
            taken = self._backend.view(rows, use)
        else:
            taken = use(_at_hand(page))
        del self._found[len(self._found) - taken :]

    def close(self) -> None:
        release, self._release = self._release, None
        if release is not None:
            self._found = []
            release()


def _at_hand(page: list[Found]) -> Iterator[View]:
    for _, _, state in page:
        assert state is not None, "all states are at hand, or none"
        yield state.value, state.lease


def _blank(views: Iterator[View]) -> Iterator[View]:
    for _, lease in views:
        yield b"", lease
