"""Loops for the client's tests: asyncio's own, and uvloop, which every process runs on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest
import uvloop

T = TypeVar("T")

Run = Callable[[Coroutine[Any, Any, T]], T]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run[Any]:
    """Run a coroutine to its end on a new loop, for at most ten seconds."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else None

    def run_to_end(scenario: Coroutine[Any, Any, T]) -> T:
        async def bounded() -> T:
            async with asyncio.timeout(90):
                return await scenario

        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(bounded())

    return run_to_end
