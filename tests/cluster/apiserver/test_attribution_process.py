"""The layers of a server that is at work are never more than the process."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

import pytest

from tests.cluster.apiserver.measure_attribution import block, counters, serving

TICKS_MIN = 60
"""So many, and of none of the large layers there is no sample at all, however long a tick is."""
BLOCKS_MAX = 20


@pytest.mark.slow
@pytest.mark.parametrize("store", ["memory", "etcd3"])
def test_layers_of_a_server_at_work_are_not_more_than_its_cpu(store: str, tmp_path: Path) -> None:
    async def measured() -> dict[str, float]:
        given = argparse.Namespace(store=store, codec="protobuf")
        async with serving(tmp_path, "on", given) as side:
            told: dict[str, float] = {}
            for number in range(BLOCKS_MAX):
                await block(side, number, 256)
                told = await counters(side)
                if told["cpu_attribution_ticks"] >= TICKS_MIN:
                    break
            return told

    told = asyncio.run(measured())

    layers = {name: s for name, s in told.items() if name.startswith("cpu_layer_")}
    assert told["cpu_attribution_ticks"] > 0
    assert layers["cpu_layer_admit_s"] > 0
    assert sum(layers.values()) <= told["cpu_process_s"] * 1.05
