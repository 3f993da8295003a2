"""The engines that are opened in this process, and the way to each: by its own data model.

A store that the registry of stores knows is loaded here, too, with a put that is not judged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bench.storebench.drivers.contract import EngineDriver
from bench.storebench.drivers.etcd2_keys import keys_engine
from bench.storebench.drivers.interface import Driver, Spot
from storage.engine.store import EngineStore
from storage.registry import STORES, StoreOptions


def _revisions(spot: Spot) -> EngineDriver:
    store = STORES[spot.store].make(StoreOptions(data_dir=spot.data_dir))
    assert isinstance(store, EngineStore)
    return EngineDriver(store)


ENGINES: Final[dict[str, Callable[[Spot], Driver]]] = {
    "memory": _revisions,
    "etcd3": _revisions,
    "etcd2": keys_engine,
}
"""By name, as ``storage.registry.STORES`` has them."""


def engine(spot: Spot) -> Driver:
    """Return the way to an engine that is opened in this process."""
    return ENGINES[spot.store](spot)
