"""Every operation, briefly, against a real server: what it says it did, the server says, too."""

from __future__ import annotations

import asyncio

import pytest

from bench.apibench.endpoint import Endpoint
from bench.apibench.generator import perform
from bench.apibench.metric_counts import request_counts
from bench.apibench.operations.registry import OPERATIONS
from bench.apibench.rules import why_invalid
from bench.apibench.settings import Outcome
from storage.clock import SystemClock
from tests.bench.apibench.served import ground


async def _performed(name: str, codec: str) -> tuple[Outcome, dict[str, int]]:
    async with ground(name, codec, pods=40) as task:
        before = await request_counts(Endpoint(task.server))
        outcome = await perform(task, SystemClock())
        after = await request_counts(Endpoint(task.server))
    assert before is not None
    assert after is not None
    return outcome, dict(after - before)


@pytest.mark.parametrize("codec", ["orjson", "protobuf"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operation_does_what_it_counts(name: str, codec: str) -> None:
    outcome, counted = asyncio.run(_performed(name, codec))

    assert list(why_invalid(outcome)) == []
    assert outcome.operations == 30
    assert outcome.requests[OPERATIONS[name].sort] >= 30
    assert {sort: counted.get(sort) for sort in outcome.requests} == outcome.requests
    assert outcome.received_bytes > 0
