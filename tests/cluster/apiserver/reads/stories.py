"""Watches in virtual time, over three pods: what their tests share."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps

from storage.virtual_time import run_virtual
from tests.cluster.apiserver.reads.rig import Rig

Scenario = Callable[..., Coroutine[object, object, None]]


def virtual(scenario: Scenario) -> Callable[..., None]:
    """Run a test's coroutine in virtual time."""

    @wraps(scenario)
    def run(**given: object) -> None:
        run_virtual(scenario(**given))

    return run


async def filled(made: Rig) -> None:
    """Put pods a, b, c at revisions 2, 3, 4."""
    for name in "abc":
        await made.place.put(name, node=f"n{name}", labels={"app": name})


ALL = [("ADDED", "a", "2"), ("ADDED", "b", "3"), ("ADDED", "c", "4")]
