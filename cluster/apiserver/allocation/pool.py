"""A pool of numbers, each of which has at most one owner."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random


class ExhaustedError(Exception):
    """Nothing is left in a pool."""


class Pool:
    """Numbers within a range: those that stored objects have, and those that are on their way.

    Numbers are drawn from the upper part of the range, as Kubernetes does it, so that the first
    ``low`` ones stay for those who ask for a number by themselves; they are drawn, too, when
    nothing else is left. Owners are uids.
    """

    def __init__(self, numbers: range, low: int, random: Random) -> None:
        self.numbers = numbers
        """The whole range."""
        self._lower = numbers[:low]
        self._upper = numbers[low:]
        self._random = random
        self._stored: dict[int, str] = {}
        self._pending: dict[int, str] = {}
        self.shunned: set[int] = set()
        """Numbers that are not to be had for now, though nobody here has them."""

    def __contains__(self, number: int) -> bool:
        """Tell whether a number lies in the range, taken or not."""
        return number in self.numbers

    def store(self, numbers: Iterable[int], owner: str) -> None:
        """Take note that a stored object has these numbers."""
        for number in numbers:
            self._stored[number] = owner

    def unstore(self, numbers: Iterable[int], owner: str) -> None:
        """Take note that a stored object no longer has these numbers."""
        for number in numbers:
            if self._stored.get(number) == owner:
                del self._stored[number]

    def has_stored(self, number: int, owner: str) -> bool:
        """Tell whether the stored object of this uid has a number, in the range or not."""
        return self._stored.get(number) == owner

    def forget(self) -> None:
        """Forget what stored objects have; what is on its way stays."""
        self._stored.clear()

    def claim(self, number: int, owner: str) -> bool:
        """Hold a number for ``owner``; False when another one has it."""
        holder = self._pending.get(number) or self._stored.get(number)
        if number in self.shunned or (holder is not None and holder != owner):
            return False
        self._pending[number] = owner
        return True

    def draw(self, owner: str) -> int:
        """Hold any free number for ``owner`` and return it. Raises ExhaustedError."""
        for part in (self._upper, self._lower):
            number = self._free_in(part)
            if number is not None:
                self._pending[number] = owner
                return number
        raise ExhaustedError

    def _free_in(self, part: range) -> int | None:
        """Return the first free number after one drawn by chance, or None."""
        if not part:
            return None
        start = self._random.randrange(len(part))
        for step in range(len(part)):
            number = part[(start + step) % len(part)]
            if number in self._stored or number in self._pending or number in self.shunned:
                continue
            return number
        return None

    def release(self, numbers: Iterable[int], owner: str) -> None:
        """End a hold; what a stored object has by now stays taken."""
        for number in numbers:
            if self._pending.get(number) == owner:
                del self._pending[number]
