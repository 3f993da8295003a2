"""What a request to a served engine may ask for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The defaults are etcd's."""

    txn_ops: int = 128
    """Of a transaction, counted by ``txn_rules``."""
    request_bytes: int = 3 << 19
    """Of a write."""
