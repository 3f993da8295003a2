"""How many pods there are, by a LIST: the second opinion on what creates say that they made."""

from __future__ import annotations

import json

from bench.apibench.endpoint import Endpoint, call
from bench.apibench.site import SetUpError
from serialization.codecs.registry import CODECS


async def pods_listed(endpoint: Endpoint, namespace: str) -> int:
    """Return how many pods a namespace has, as the first page of a list tells.

    Raises SetUpError, UnreachableError.
    """
    path = f"/api/v1/namespaces/{namespace}/pods?limit=1"
    answer = await call(endpoint, endpoint.head("GET", path, accept="application/json"))
    if answer.code != 200:
        raise SetUpError(f"GET {path}: {answer.code} {answer.body[:200]!r}")
    document = json.loads(answer.body)
    return len(document["items"]) + int(document["metadata"].get("remainingItemCount", 0))


async def items_listed(endpoint: Endpoint, codec: str) -> int:
    """Return how many pods a whole list of the cluster holds, taken apart by the codec.

    Raises SetUpError, UnreachableError, DecodeError.
    """
    path, spoken = "/api/v1/pods", CODECS[codec]
    answer = await call(endpoint, endpoint.head("GET", path, accept=spoken.media_type))
    if answer.code != 200:
        raise SetUpError(f"GET {path}: {answer.code} {answer.body[:200]!r}")
    return len(spoken.split_list(answer.body)[1])
