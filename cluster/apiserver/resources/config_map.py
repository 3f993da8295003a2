"""ConfigMaps."""

from __future__ import annotations

from typing import Final

from cluster.apiserver.errors import FieldProblem, invalid, too_long
from cluster.apiserver.resources.content import CONTENT_MAX_BYTES, frozen_problem, key_problems
from cluster.apiserver.resources.interface import Strategy
from serialization.api.core.v1_pb2 import ConfigMap
from serialization.kinds import CONFIG_MAPS

_WHOLE: Final = "[]"
"""How Kubernetes' messages name the object as a whole."""


class ConfigMapStrategy(Strategy[ConfigMap]):
    """Text and bytes under keys, each key in one of both; one that is immutable stays so."""

    resource = CONFIG_MAPS

    def validate(self, obj: ConfigMap) -> list[FieldProblem]:
        texts, binaries = obj.data, obj.binaryData
        problems = key_problems(texts, "data")
        for key in sorted(key for key in texts if key in binaries):
            problems.append(invalid(f"data[{key}]", key, "duplicate of key present in binaryData"))
        problems += key_problems(binaries, "binaryData")
        for key in sorted(key for key in binaries if key in texts):
            problems.append(invalid(f"binaryData[{key}]", key, "duplicate of key present in data"))
        size = sum(len(text.encode()) for text in texts.values())
        if size + sum(map(len, binaries.values())) > CONTENT_MAX_BYTES:
            problems.append(too_long(_WHOLE, CONTENT_MAX_BYTES))
        return problems

    def validate_update(self, new: ConfigMap, old: ConfigMap) -> list[FieldProblem]:
        if not old.immutable:
            return []
        return [
            frozen_problem(field)
            for field, changed in (
                ("immutable", not new.immutable),
                ("data", dict(new.data) != dict(old.data)),
                ("binaryData", dict(new.binaryData) != dict(old.binaryData)),
            )
            if changed
        ]
