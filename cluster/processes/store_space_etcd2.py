"""What Kubernetes' keys an etcd 2 holds, and removing them (``store_space``)."""

from __future__ import annotations

import asyncio
from posixpath import dirname
from typing import Final
from urllib.parse import quote

import orjson

from storage.etcd2.errors import Code
from storage.remote.etcd2.failures import CallError, refusal
from storage.remote.etcd2.keys import MARK, ROOT, Node
from storage.remote.etcd2.link import Link
from storage.remote.http1.connection import Answer
from storage.remote.http1.failures import Fault
from storage.remote.url import RemoteUrl

REGISTRY: Final = "/registry"
FIRST_ANSWER_S_MAX: Final = 3.0
"""Where nothing answers, people hear of it soon."""
GONE: Final = frozenset((Code.KEY_NOT_FOUND, Code.DIR_NOT_EMPTY, Code.NOT_DIR))
"""Where something is to be removed: it is not there, or it is not ours."""


async def count(url: RemoteUrl) -> int:
    """Return how many keys there are. Raises CallError, RefusedError, StoreOpenError."""
    link = Link(url)
    try:
        answer = await _first_answer(link, f"{_root(url)}{REGISTRY}".encode())
        if not _found(answer):
            return 0
        answer = await link.read(f"{_root(url)}{REGISTRY}?recursive=true".encode(), long=True)
        return _leaves(orjson.loads(answer.body)["node"]) if _found(answer) else 0
    finally:
        await link.close()


async def clear(url: RemoteUrl) -> None:
    """Remove all of them, and what the store keeps for itself. Raises as ``count``."""
    link = Link(url)
    try:
        for path in (f"{REGISTRY}?recursive=true", MARK, f"{dirname(MARK)}?dir=true"):
            _found(await link.delete(f"{_root(url)}{path}".encode()))
    finally:
        await link.close()


async def _first_answer(link: Link, path: bytes) -> Answer:
    """Raises CallError, also where none comes in time."""
    try:
        async with asyncio.timeout(FIRST_ANSWER_S_MAX):
            return await link.read(path)
    except TimeoutError:
        why = f"no answer within {FIRST_ANSWER_S_MAX:g} s"
        raise CallError(why, Fault.NOT_SENT) from None


def _root(url: RemoteUrl) -> str:
    return ROOT + quote(url.prefix.rstrip("/"))


def _found(answer: Answer) -> bool:
    """Say whether there was something. Raises RefusedError for any other refusal."""
    if answer.status < 400:
        return True
    refused = refusal(answer)
    if refused.code in GONE:
        return False
    raise refused


def _leaves(node: Node) -> int:
    if not node.get("dir"):
        return 1
    return sum(map(_leaves, node.get("nodes", ())))
