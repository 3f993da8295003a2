"""Scenarios of one fleet on the fake API, in virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from cluster.client.fake import FakeApi
from cluster.kubelet.fleet import Fleet, FleetOptions
from storage.virtual_time import VirtualClock, run_virtual
from tests.cluster.kubelet.fleets import QUIET, fleet_on

Scenario = Callable[[FakeApi, Fleet], Awaitable[None]]


def play(scenario: Scenario, options: FleetOptions = QUIET) -> None:
    async def main() -> None:
        api = FakeApi(VirtualClock())
        async with fleet_on(api, options) as fleet:
            await scenario(api, fleet)

    run_virtual(main())
