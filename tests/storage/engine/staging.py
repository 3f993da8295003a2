"""Scenarios on a stage, in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps

from storage.virtual_time import run_virtual
from tests.storage.engine.faults import Stage


def staged(scenario: Callable[[Stage], Coroutine[object, object, None]]) -> Callable[[], None]:
    """Run a scenario on a stage, on virtual time."""

    async def main() -> None:
        async with Stage() as stage:
            await scenario(stage)

    @wraps(scenario)
    def test() -> None:
        run_virtual(main())

    del test.__dict__["__wrapped__"]  # or pytest would look for a fixture named stage
    return test
