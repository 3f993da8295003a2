"""The ground of a cell: a server to ask, and a namespace that is the benchmark's alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from bench.apibench.endpoint import Endpoint, call
from bench.apibench.site import SetUpError
from bench.load.settings import Server
from serialization.api.core.v1_pb2 import Namespace, ServiceAccount
from serialization.api.meta.v1_pb2 import DeleteOptions, ObjectMeta
from serialization.codecs.interface import TypeMeta
from serialization.codecs.registry import CODECS

JSON: Final = CODECS["orjson"]
PREFIX: Final = "kubedyno-api-bench-"
CREATED: Final = (200, 201, 202)
PRESENT: Final = 409
ABSENT: Final = 404


@asynccontextmanager
async def namespace_of(server: Server, suffix: str, *, keep: bool = False) -> AsyncIterator[str]:
    """Give a namespace of a new name; it goes, with all that is in it, at the end.

    Nothing outside of it is touched. ``keep``: the server goes anyhow.
    Raises SetUpError, UnreachableError.
    """
    endpoint, name = Endpoint(server), PREFIX + suffix
    made = Namespace(metadata=ObjectMeta(name=name))
    await _post(endpoint, "/api/v1/namespaces", TypeMeta("v1", "Namespace"), made)
    try:
        account = ServiceAccount(metadata=ObjectMeta(name="default", namespace=name))
        path = f"/api/v1/namespaces/{name}/serviceaccounts"
        # A controller makes it where there is one; pods are refused until it exists.
        await _post(endpoint, path, TypeMeta("v1", "ServiceAccount"), account, (PRESENT, ABSENT))
        yield name
    finally:
        if not keep:
            await asyncio.shield(_remove(endpoint, name))


async def _post(
    endpoint: Endpoint,
    path: str,
    kind: TypeMeta,
    message: Namespace | ServiceAccount,
    fine: tuple[int, ...] = (),
) -> None:
    body = JSON.encode(kind, message)
    media = JSON.media_type
    head = endpoint.head("POST", path, accept=media, content_type=media, length=len(body))
    answer = await call(endpoint, head, body)
    if answer.code not in (*CREATED, *fine):
        raise SetUpError(f"POST {path}: {answer.code} {answer.body[:200]!r}")


async def _remove(endpoint: Endpoint, name: str) -> None:
    """Delete the namespace's pods at once, then the namespace."""
    media = JSON.media_type
    kind = TypeMeta("v1", "DeleteOptions")
    now = JSON.encode(kind, DeleteOptions(gracePeriodSeconds=0))
    for path in (f"/api/v1/namespaces/{name}/pods", f"/api/v1/namespaces/{name}"):
        head = endpoint.head("DELETE", path, accept=media, content_type=media, length=len(now))
        answer = await call(endpoint, head, now)
        if answer.code not in (*CREATED, PRESENT, ABSENT):
            raise SetUpError(f"DELETE {path}: {answer.code} {answer.body[:200]!r}")
