"""A burn that is planted in one layer is found there; the layers are never more than the whole."""

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
from cluster.processes.layer_places import SERVER
from serialization.codecs.registry import CODECS
from storage.attribution import Layers
from storage.clock import SystemClock
from storage.registry import STORES, StoreOptions
from storage.watchcache.contents import Contents
from tests.cluster.apiserver.serving import InProcess, StandingClock

BURN_NS: Final = 10_000_000
CREATES: Final = 20
POD: Final = {
    "metadata": {"name": "p", "namespace": "default"},
    "spec": {"containers": [{"name": "c", "image": "i"}]},
}


def burn() -> None:
    """Use the thread's CPU for 10 ms."""
    end_ns = time.thread_time_ns() + BURN_NS
    while time.thread_time_ns() < end_ns:
        pass


def layers_of(plant: Callable[[pytest.MonkeyPatch], None], patch: pytest.MonkeyPatch) -> Layers:
    """Serve some creates with a burn planted; return the meter."""
    plant(patch)
    layers = Layers(SERVER)

    async def serve() -> None:
        config = ServerConfig(CODECS["protobuf"], layers=layers)
        async with (
            STORES["memory"].make(StoreOptions(inline_commits=True)) as store,
            assemble(store, config, SystemClock(), Random(7)) as server,
        ):
            assert isinstance(server.app, ApiServer)
            caller = InProcess(asyncio.Runner(), server, StandingClock())
            for number in range(CREATES):
                body = {**POD, "metadata": {"name": f"p{number}", "namespace": "default"}}
                reply = await caller.request(
                    "POST",
                    "/api/v1/namespaces/default/pods",
                    json.dumps(body).encode(),
                    {"content-type": "application/json"},
                )
                assert reply.code == 201, reply.body

    with layers.running():
        asyncio.run(serve())
    return layers


def in_authentication(patch: pytest.MonkeyPatch) -> None:
    whole = Everybody.check.__code__
    source = compile("def check(self, scope):\n    burn()\n", whole.co_filename, "exec")
    space: dict[str, object] = {"burn": burn}
    exec(source, space)
    patch.setattr(Everybody, "check", space["check"])


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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plant", "layer"),
    [
        (in_authentication, "authenticate"),
        (in_validation, "admit"),
        (in_the_cache, "cache"),
    ],
)
def test_a_planted_burn_is_charged_to_its_layer(
    plant: Callable[[pytest.MonkeyPatch], None], layer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = layers_of(plant, monkeypatch).seconds()

    burnt_s = CREATES * BURN_NS / 1e9
    assert burnt_s * 0.8 <= found.pop(layer)
    assert max(found.values(), default=0.0) < burnt_s / 2
