"""Through the store contract over a protocol: what the API server has under itself."""

from __future__ import annotations

from bench.storebench.drivers.contract import ContractDriver
from bench.storebench.drivers.interface import Spot
from storage.registry import StoreOptions, store_entry


def remote(spot: Spot) -> ContractDriver:
    """Return the way to a remote store."""
    return ContractDriver(store_entry(spot.store).make(StoreOptions()))
