"""Secrets."""

from __future__ import annotations

from cluster.apiserver.resources.interface import Strategy
from serialization.api.core.v1_pb2 import Secret
from serialization.kinds import SECRETS


class SecretStrategy(Strategy[Secret]):
    """Bytes under keys; ``stringData`` is a way to write them, never stored."""

    resource = SECRETS

    def default(self, obj: Secret) -> None:
        for key in sorted(obj.stringData):
            obj.data[key] = obj.stringData[key].encode()
        obj.ClearField("stringData")
        if not obj.type:
            obj.type = "Opaque"
