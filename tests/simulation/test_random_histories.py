"""Random histories of the whole plane over a troubled network: all of it comes to rest, and right.

``pytest tests/simulation/test_random_histories.py --histories 100`` plays seeds 0 to 99;
``--seed N`` plays one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from bench.history.judge import judge_directory
from serialization.kinds import EVENTS, LEASES, NODES
from storage.virtual_time import run_virtual
from tests.simulation.deeds import DEEDS
from tests.simulation.plane import History
from tests.simulation.rest import Rest
from tests.simulation.troubled import Troubled, troubled

pytestmark = pytest.mark.slow

LENGTH = 80
TROUBLE = 0.1
REST_S_MAX = 3000
LOOK_S = 20
QUIET_S = 60


async def live(at: Troubled) -> None:
    """Do many things at random, in trouble half of the time, with pauses short and long."""
    for number in range(LENGTH):
        at.network.trouble = TROUBLE if number % 20 < 14 else 0.0
        await at.act(DEEDS)
        pause_s = at.chance.choice((0.0, 0.0, 0.01, 1.0, 5.0, 20.0))
        await asyncio.sleep(pause_s * at.chance.random())


async def comes_to_rest(at: Troubled) -> list[str]:
    """Wait until nothing is wrong or written any more; return what is if it stays so."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + REST_S_MAX
    problems = ["nobody has looked"]
    while problems and loop.time() < deadline:
        problems = (await Rest.look(at)).problems()
        written = await written_within(at, LOOK_S if problems else QUIET_S)
        if written and not problems:
            problems = [f"written at rest: {dict(written)}"]
    return problems


async def written_within(at: Troubled, seconds: float) -> Counter[tuple[str, str]]:
    """Return what is written in some time, beside heartbeats and Events."""
    store = at.network.store
    history = History(at.clock)
    watch = store.watch(b"/registry/", history, after=store.current_revision())
    await asyncio.sleep(seconds)
    watch.cancel()
    beating = {each.stored_as for each in (NODES, LEASES, EVENTS)}
    return Counter({what: n for what, n in history.counts().items() if what[0] not in beating})


def test_history_comes_to_rest_and_all_is_right(history: int, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with troubled(history, tmp_path) as at:
            await live(at)
            await at.make_peace()
            problems = await comes_to_rest(at)

            assert not problems, "\n".join([f"seed {history}", *at.done, *problems])

    run_virtual(scenario())
    report = judge_directory(tmp_path)
    assert not report.examples, f"seed {history}: {report.examples}"
