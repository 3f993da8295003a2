"""The registry: names, declarations, and what each store is told."""

from __future__ import annotations

import pytest

from storage.errors import StoreOpenError
from storage.registry import STORES, StoreEntry, StoreOptions
from tests.storage.conftest import Make


def test_stores_are_listed_under_their_names() -> None:
    assert {name: entry.name for name, entry in STORES.items()} == {n: n for n in STORES}
    assert set(STORES) >= {"memory", "etcd3"}


def test_store_declares_what_the_registry_lists(entry: StoreEntry, make: Make) -> None:
    assert make().capabilities == entry.capabilities


def test_durable_store_needs_a_directory(entry: StoreEntry) -> None:
    if not entry.capabilities.durable:
        assert entry.make(StoreOptions()).capabilities == entry.capabilities
        return

    with pytest.raises(StoreOpenError, match="data directory"):
        entry.make(StoreOptions())
