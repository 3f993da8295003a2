"""What ConfigMaps and Secrets share: keys, one size limit, and being immutable for good."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cluster.apiserver.errors import FieldProblem, forbidden_field, invalid
from cluster.apiserver.resources.value_rules import config_key_errors

CONTENT_MAX_BYTES: Final = 1024 * 1024
IMMUTABLE: Final = "field is immutable when `immutable` is set"


def key_problems(keys: Iterable[str], field: str) -> list[FieldProblem]:
    """Return what is wrong with keys, in their order."""
    return [
        invalid(f"{field}[{key}]", key, why)
        for key in sorted(keys)
        for why in config_key_errors(key)
    ]


def frozen_problem(field: str) -> FieldProblem:
    """Say that a field may not change any more."""
    return forbidden_field(field, IMMUTABLE)
