"""Secrets."""

from __future__ import annotations

import json
from typing import Final

from cluster.apiserver.errors import FieldProblem, invalid, required, too_long
from cluster.apiserver.resources.content import CONTENT_MAX_BYTES, frozen_problem, key_problems
from cluster.apiserver.resources.interface import Strategy
from serialization.api.core.v1_pb2 import Secret
from serialization.kinds import SECRETS

_REDACTED: Final = "<secret contents redacted>"
_ACCOUNT: Final = "kubernetes.io/service-account.name"
_DOCKER: Final = {
    "kubernetes.io/dockercfg": ".dockercfg",
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
}
"""Types whose one key holds a JSON object."""


class SecretStrategy(Strategy[Secret]):
    """Bytes under keys; ``stringData`` is a way to write them, never stored."""

    resource = SECRETS

    def default(self, obj: Secret) -> None:
        for key in sorted(obj.stringData):
            obj.data[key] = obj.stringData[key].encode()
        obj.ClearField("stringData")
        if not obj.type:
            obj.type = "Opaque"

    def validate(self, obj: Secret) -> list[FieldProblem]:
        problems = key_problems(obj.data, "data")
        if sum(map(len, obj.data.values())) > CONTENT_MAX_BYTES:
            problems.append(too_long("data", CONTENT_MAX_BYTES))
        return problems + _type_problems(obj)

    def validate_update(self, new: Secret, old: Secret) -> list[FieldProblem]:
        problems = []
        if new.type != old.type:
            problems.append(invalid("type", new.type, "field is immutable"))
        if old.immutable:
            if not new.immutable:
                problems.append(frozen_problem("immutable"))
            if dict(new.data) != dict(old.data):
                problems.append(frozen_problem("data"))
        return problems


def _type_problems(secret: Secret) -> list[FieldProblem]:
    """Return what a secret of its type lacks. ``data[%s]`` is a slip that clients know by now."""
    data = secret.data
    if secret.type in _DOCKER:
        return _docker_problems(secret, _DOCKER[secret.type])
    if secret.type == "kubernetes.io/service-account-token":
        if not secret.metadata.annotations.get(_ACCOUNT):
            return [required(f"metadata.annotations[{_ACCOUNT}]")]
    elif secret.type == "kubernetes.io/basic-auth":
        if "username" not in data and "password" not in data:
            return [required("data[%s][username]"), required("data[%s][password]")]
    elif secret.type == "kubernetes.io/ssh-auth":
        if not data.get("ssh-privatekey"):
            return [required("data[%s][ssh-privatekey]")]
    elif secret.type == "kubernetes.io/tls":
        return [required(f"data[{key}]") for key in ("tls.crt", "tls.key") if key not in data]
    return []


def _docker_problems(secret: Secret, key: str) -> list[FieldProblem]:
    if key not in secret.data:
        return [required(f"data[{key}]")]
    try:
        content: object = json.loads(secret.data[key])
    except ValueError as error:
        return [invalid(f"data[{key}]", _REDACTED, str(error))]
    if not isinstance(content, dict | None):
        return [invalid(f"data[{key}]", _REDACTED, "not a JSON object")]
    return []
