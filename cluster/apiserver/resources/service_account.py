"""Service accounts."""

from __future__ import annotations

from cluster.apiserver.resources.interface import Strategy
from serialization.api.core.v1_pb2 import ServiceAccount
from serialization.kinds import SERVICE_ACCOUNTS


class ServiceAccountStrategy(Strategy[ServiceAccount]):
    """Of its secrets only the names are kept."""

    resource = SERVICE_ACCOUNTS
    answers_deleted_object = True

    def prepare_create(self, obj: ServiceAccount) -> None:
        _keep_names(obj)

    def prepare_update(self, new: ServiceAccount, old: ServiceAccount) -> None:
        _keep_names(new)


def _keep_names(account: ServiceAccount) -> None:
    for secret in account.secrets:
        name = secret.name
        secret.Clear()
        secret.name = name
