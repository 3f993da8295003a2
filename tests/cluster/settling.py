"""Lets tasks that talk to the fake API run until something holds; no time passes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

TURNS_MAX = 20_000


async def settle(until: Callable[[], bool]) -> None:
    """Give the loop turns until a condition holds. Raises AssertionError when it never does."""
    for _ in range(TURNS_MAX):
        if until():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not settle")


async def rest(turns: int = 200) -> None:
    """Give the loop many turns: what was going to happen by itself has happened."""
    for _ in range(turns):
        await asyncio.sleep(0)
