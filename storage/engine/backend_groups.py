"""How the ledger's groups become durable: by a backend."""

from __future__ import annotations

from functools import partial

from storage.engine.backend import Backend
from storage.engine.committer import Job
from storage.engine.ledger import Group, Ledger


class BackendGroups:
    """A ``Durable`` over a ``Backend``."""

    def __init__(self, backend: Backend, ledger: Ledger) -> None:
        self._backend = backend
        self._ledger = ledger

    def commit(self, group: Group) -> Job:
        return partial(self._backend.commit, group.changes, group.deadlines)

    def probe(self) -> Job:
        return partial(self._backend.probe, self._ledger.index.last)

    def recover(self, error: Exception) -> bool:
        return self._backend.recover(error)
