"""What is proved, by name: how it is loaded, how what is left of it is judged."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from tests.storage.durability import load, oracle
from tests.storage.durability.etcd2 import files as etcd2_files
from tests.storage.durability.etcd2 import load as etcd2_load
from tests.storage.durability.etcd2 import oracle as etcd2_oracle
from tests.storage.durability.etcd3 import files as etcd3_files
from tests.storage.durability.journal import Journal, Write
from tests.storage.durability.oracle import Promise
from tests.storage.durability.recording import Recording


class Loading(Protocol):
    """One opening of a store that is written to."""

    async def run(self, *, sync: bool = True) -> None:
        """Open, write, close."""
        ...


class Judge(Protocol):
    """Who knows the true history."""

    async def check(self, folder: Path, promise: Promise, pending: list[Write]) -> int:
        """Open the store and check all of it; return how many changes it replayed.

        Raises ImpossibleError.
        """
        ...


class LoadOf(Protocol):
    """How a load is made."""

    def __call__(
        self, folder: Path, pipe: int, seed: str, *, first_writer: int, writes: int
    ) -> Loading: ...


@dataclass(frozen=True, slots=True)
class Subject:
    """A store whose durability is proved."""

    name: str
    load: LoadOf
    judge: Callable[[Journal], Judge]
    goes_on: Callable[[Path], Awaitable[None]]
    acknowledgements_are_covered: Callable[[Recording, Journal], int]
    openings_are_synced: Callable[[Recording], int]
    phases: tuple[str, ...] = ("opening", "writing", "writing", "compacting")
    """When its process is killed; each as often as it stands here."""


SUBJECTS: Final[dict[str, Subject]] = {
    subject.name: subject
    for subject in (
        Subject(
            "etcd3",
            load.Load,
            oracle.Oracle,
            oracle.goes_on,
            etcd3_files.acknowledgements_are_covered,
            etcd3_files.openings_are_synced,
        ),
        Subject(
            "etcd2",
            etcd2_load.Load,
            etcd2_oracle.Oracle,
            etcd2_oracle.goes_on,
            etcd2_files.acknowledgements_are_covered,
            etcd2_files.openings_are_synced,
            # Snapshots, which take the place of compactions, are under way most of the time.
            ("opening", "writing", "writing"),
        ),
    )
}
