"""Asking a store how far it is: who shares a question, and who is told that it is away."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

import pytest

from storage.errors import StoreError, StoreUnavailableError
from storage.virtual_time import run_virtual
from storage.watchcache.counters import CacheCounters
from storage.watchcache.freshness import Freshness

ANSWER_S = 10.0


class SlowStore:
    """Answers each question after ten seconds, with its number, or with an error."""

    def __init__(self, *errors: Exception | None) -> None:
        self._errors = list(errors)
        self.asked = 0

    async def latest_revision(self) -> int:
        self.asked += 1
        number = self.asked
        await asyncio.sleep(ANSWER_S)
        error = self._errors.pop(0) if self._errors else None
        if error is not None:
            raise error
        return number


def told(store: SlowStore) -> list[tuple[object, float]]:
    """Return what a first reader and two later ones are told, and when."""

    async def story() -> list[tuple[object, float]]:
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:

            def spawn(asking: Coroutine[object, object, None]) -> object:
                return group.create_task(asking)

            freshness = Freshness(store, CacheCounters(), spawn)

            async def read(after_s: float) -> tuple[object, float]:
                await asyncio.sleep(after_s)
                try:
                    return await freshness.latest(), loop.time() - began
                except StoreError as error:
                    return error, loop.time() - began

            began = loop.time()
            return list(await asyncio.gather(read(0), read(3), read(5)))

    return run_virtual(story())


def test_later_readers_share_the_next_question() -> None:
    assert told(SlowStore()) == [(1, ANSWER_S), (2, 2 * ANSWER_S), (2, 2 * ANSWER_S)]


def test_readers_who_waited_while_the_store_was_away_are_told_with_the_first() -> None:
    away = StoreUnavailableError("no endpoint answers")
    store = SlowStore(away, away)

    assert told(store) == [(away, ANSWER_S)] * 3
    assert store.asked == 1


@pytest.mark.parametrize("error", [StoreError("something else")])
def test_another_failure_is_that_question_s_alone(error: StoreError) -> None:
    assert told(SlowStore(error)) == [(error, ANSWER_S), (2, 2 * ANSWER_S), (2, 2 * ANSWER_S)]
