"""Both sorts of pods: replicas, whose specs are equal, and distinct ones, of which no two are."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from bench.apibench.endpoint import Endpoint, call
from bench.apibench.generator import perform
from bench.apibench.pods import pod
from bench.apibench.table import aims, table_cells
from serialization.codecs.registry import CODECS
from storage.clock import SystemClock
from tests.bench.apibench.served import ground


@pytest.mark.parametrize(("distinct", "equal"), [(False, True), (True, False)])
def test_specs_differ_only_where_that_is_asked_for(distinct: bool, equal: bool) -> None:
    first, second = (pod("a", f"bench-a-{n:08d}", distinct=distinct) for n in (1, 2))

    assert (first.spec == second.spec) is equal
    assert first.metadata != second.metadata


def test_both_sorts_are_of_one_size() -> None:
    for codec in CODECS.values():
        sizes = {
            len(codec.encode_bare(pod("a", "bench-a-00000001", "n", distinct=distinct)))
            for distinct in (False, True)
        }
        assert len(sizes) == 1


async def _specs_stored(operation: str, *, distinct: bool) -> list[str]:
    async with ground(operation, "orjson", pods=6, count=6) as task:
        outcome = await perform(replace(task, distinct=distinct), SystemClock())
        head = Endpoint(task.server).head("GET", "/api/v1/pods", accept="application/json")
        answer = await call(Endpoint(task.server), head)
    assert outcome.failures == {}
    items = json.loads(answer.body)["items"]
    return [json.dumps(item["spec"], sort_keys=True) for item in items]


@pytest.mark.parametrize("operation", ["create", "status-put"])
@pytest.mark.parametrize(("distinct", "kinds"), [(False, 1), (True, 6)])
def test_a_server_gets_as_many_specs_as_were_asked_for(
    operation: str, distinct: bool, kinds: int
) -> None:
    specs = asyncio.run(_specs_stored(operation, distinct=distinct))

    assert (len(specs), len(set(specs))) == (6, kinds)


def test_the_table_has_every_create_of_both_sorts_and_aims_for_one() -> None:
    cells = [cell for cell in table_cells() if cell.operation == "create"]

    alike = [cell for cell in cells if not cell.distinct]
    assert [replace(cell, distinct=True) for cell in alike] == [c for c in cells if c.distinct]
    assert {aim.cell for aim in aims(cells)} <= {cell.name for cell in alike}
