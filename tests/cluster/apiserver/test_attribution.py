"""A burn that is planted in one layer is found there, and nowhere else."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from random import Random
from typing import Final

import pytest

from cluster.apiserver.app import ApiServer
from cluster.apiserver.assembly import ServerConfig, assemble
from cluster.apiserver.authentication import Everybody
from cluster.apiserver.verbs import create
from serialization.codecs.registry import CODECS
from storage.attribution import Clocks, Layer, Layers
from storage.clock import SystemClock
from storage.registry import STORES, StoreOptions
from storage.watchcache.contents import Contents
from tests.cluster.apiserver.serving import InProcess, StandingClock

BURN_NS: Final = 2_000_000
CREATES: Final = 8
CPU_ALONE: Final = Clocks(time.thread_time_ns, time.thread_time_ns)
"""So that a machine on which others are at work changes nothing."""
POD: Final = {
    "metadata": {"name": "p", "namespace": "default"},
    "spec": {"containers": [{"name": "c", "image": "i"}]},
}


def burn() -> None:
    """Use the thread's CPU for 2 ms."""
    end_ns = time.thread_time_ns() + BURN_NS
    while time.thread_time_ns() < end_ns:
        pass


def layers_of(plant: Callable[[pytest.MonkeyPatch], None], patch: pytest.MonkeyPatch) -> Layers:
    """Serve some creates with a burn planted; return the meter, which followed each."""
    plant(patch)
    layers = Layers(Random(1), clocks=CPU_ALONE, gaps=(1, 1))

    async def serve() -> None:
        options = StoreOptions(inline_commits=True, layers=layers)
        config = ServerConfig(CODECS["protobuf"], layers=layers)
        async with (
            STORES["memory"].make(options) as store,
            assemble(store, config, SystemClock(), Random(7)) as server,
        ):
            assert isinstance(server.app, ApiServer)
            caller = InProcess(asyncio.Runner(), server, StandingClock())
            for number in range(CREATES + 1):
                if number == 1:  # the first one builds plans and tables
                    layers.seconds()
                    layers.sums_ns.clear()
                body = {**POD, "metadata": {"name": f"p{number}", "namespace": "default"}}
                reply = await caller.request(
                    "POST",
                    "/api/v1/namespaces/default/pods",
                    json.dumps(body).encode(),
                    {"content-type": "application/json"},
                )
                assert reply.code == 201, reply.body

    asyncio.run(serve())
    return layers


def in_authentication(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Everybody, "check", lambda _self, _scope: burn())


def in_validation(patch: pytest.MonkeyPatch) -> None:
    whole = create.admit

    def admit(*given: object) -> None:
        burn()
        whole(*given)  # type: ignore[arg-type]  # handed on as it came

    patch.setattr(create, "admit", admit)


def in_the_cache(patch: pytest.MonkeyPatch) -> None:
    whole = Contents.apply

    def apply(self: Contents, *given: object) -> object:
        burn()
        return whole(self, *given)  # type: ignore[arg-type]  # handed on as it came

    patch.setattr(Contents, "apply", apply)


@pytest.mark.parametrize(
    ("plant", "layer"),
    [
        (in_authentication, Layer.AUTHENTICATE),
        (in_validation, Layer.ADMIT),
        (in_the_cache, Layer.CACHE),
    ],
)
def test_a_planted_burn_is_charged_to_its_layer(
    plant: Callable[[pytest.MonkeyPatch], None], layer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = layers_of(plant, monkeypatch).seconds()

    burnt_s = CREATES * BURN_NS / 1e9
    assert burnt_s * 0.98 <= found.pop(layer)
    assert max(found.values()) < burnt_s / 2
