"""Changes of the set of leases that become durable together.

How it works. A change is judged, and made in memory, when it is asked for. What is written is the
whole set, as it stands when the committer takes the job: so all changes that wait share one job,
which stands in the queue of maintenance from the first of them on. They learn how it went in the
order in which they came, in the step of the loop in which that is known: whoever failed undoes what
it did before anything else is judged or written.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from storage.engine.committer import Job
from storage.engine.group_commit import GroupCommit, Told
from storage.engine.ledger import Group
from storage.errors import ReadOnlyError


class LeaseChanges:
    """Drives changes of the set through the maintenance of a group commit.

    How many wait is bounded by the callers: each change has one that waits for its answer, or is
    the end of a lease that there is.
    """

    def __init__(self, commits: GroupCommit[Group], keep: Callable[[], Job]) -> None:
        self._commits = commits
        self._keep = keep
        """Returns the job that makes the present set durable."""
        self._waiting: list[Told] = []

    def add(self, told: Told) -> None:
        """See to it that the set gets durable as it is now; ``told`` must not raise."""
        self._waiting.append(told)
        if len(self._waiting) == 1:
            self._commits.run_prepared(self._prepare, partial(self._done, self._waiting))

    def _prepare(self) -> Job:
        self._waiting = []  # who comes from now on waits for the next one
        return self._keep()

    def _done(self, batch: list[Told], error: ReadOnlyError | None) -> None:
        if batch is self._waiting:  # refused before its turn came
            self._waiting = []
        for told in batch:
            told(error)
