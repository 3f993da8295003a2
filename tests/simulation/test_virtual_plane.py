"""The whole plane in virtual time: what it does in minutes and hours, and that it does it again.

No sockets, no threads, no clock of the machine: a seed is a history, to the byte. What fails here
fails again: ``pytest tests/simulation --seed N``, or ``python -m tests.simulation.replay N FILE``.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import subprocess
import sys
import time
import uuid
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

import pytest
from google.protobuf.message import Message

from serialization.api.core.v1_pb2 import Pod
from serialization.codecs.registry import CODECS
from serialization.kinds import SCHEME
from serialization.normal import normalize
from storage.clock import SystemClock
from storage.registry import STORES
from storage.virtual_time import EPOCH, run_virtual
from tests.simulation.plane import HEARTBEAT_S, NODE_COUNT, Plane, Written, plane
from tests.simulation.story import HEARTBEATS, STORED, Told, tell_alone, told_by
from tests.source_tree import ROOT

pytestmark = pytest.mark.slow

UID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def names(told: Told) -> list[bytes]:
    return [each.key for each in told.history if (each.resource, each.kind) == ("pods", "ADDED")]


def uids(told: Told) -> set[bytes]:
    return set(UID.findall(told.record()))


def stored_message(document: bytes) -> Message:
    kind, bare = CODECS["protobuf"].unwrap(document)
    return CODECS["protobuf"].decode_bare(SCHEME.by_kind(*kind).message, bare)


def in_normal_form(told: Told) -> list[Written]:
    """Return the history without the fields that say zero, which JSON has no way to say."""
    return [
        each._replace(
            value=normalize(stored_message(each.value)).SerializeToString(deterministic=True)
        )
        if each.value
        else each
        for each in told.history
    ]


def test_story_brings_about_what_it_must(told: Told) -> None:
    assert {change: told.counts[change] for change in STORED} == STORED
    assert HEARTBEATS - NODE_COUNT <= told.counts["minions", "MODIFIED"] <= HEARTBEATS
    assert len(set(names(told))) == STORED["pods", "ADDED"]


def test_history_has_every_revision_once_and_never_goes_back_in_time(told: Told) -> None:
    history = told.history

    assert all(after.revision == before.revision + 1 for before, after in pairwise(history))
    assert all(after.stamp_ns >= before.stamp_ns for before, after in pairwise(history))


def test_watch_tells_every_change_of_a_pod_in_the_moment_of_its_commit(told: Told) -> None:
    stored = [each for each in told.history if each.resource == "pods"]
    watched = [each for each in told.watched if each.kind != "BOOKMARK"]

    assert len(watched) < len(told.watched)
    for change, event in zip(stored, watched, strict=True):
        pod = CODECS["protobuf"].decode_bare(Pod, event.bare)
        assert (event.stamp_ns, event.kind) == (change.stamp_ns, change.kind)
        assert pod.metadata.resourceVersion == str(change.revision)
        if change.value:
            pod.metadata.ClearField("resourceVersion")
            assert pod == stored_message(change.value)


def test_same_seed_is_the_same_history_to_the_byte(seed: int, told: Told) -> None:
    assert tell_alone(seed).record() == told.record()


@pytest.mark.parametrize("codec", sorted(CODECS))
def test_same_seed_is_the_same_history_in_every_codec(seed: int, told: Told, codec: str) -> None:
    assert in_normal_form(tell_alone(seed, codec)) == in_normal_form(told)


@pytest.mark.parametrize("store", sorted(STORES))
def test_same_seed_is_the_same_history_on_every_store(
    seed: int, told: Told, store: str, tmp_path: Path
) -> None:
    again = tell_alone(seed, store=store, data_dir=tmp_path / "data")

    if STORES[store].capabilities.dense_revisions:
        assert again.record() == told.record()
        return
    # It begins at a revision of its own, of which the chance of uids and names is drawn.
    assert again.counts == told.counts
    once_more = tell_alone(seed, store=store, data_dir=tmp_path / "again")
    assert once_more.record() == again.record()


def test_other_seed_is_another_history_of_equal_size(seed: int, told: Told) -> None:
    other = tell_alone(seed + 1000)

    assert not set(names(told)) & set(names(other))
    assert not uids(told) & uids(other)
    assert {change: other.counts[change] for change in STORED} == STORED


def test_same_seed_is_the_same_history_in_another_process(seed: int, told: Told) -> None:
    """Nothing depends on hashes of strings or on addresses, which differ between processes."""
    command = [sys.executable, "-m", "tests.simulation.replay", str(seed)]

    environment = {**os.environ, "PYTHONHASHSEED": str(seed % 1000 + 1)}
    there = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )

    assert there.stdout.strip() == sha256(told.record()).hexdigest()


def test_plane_asks_the_machine_neither_for_time_nor_for_chance(
    seed: int, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_args: object) -> NoReturn:
        raise AssertionError("what happens must not depend on this machine's clocks or chance")

    for module, asked in (
        (time, "time time_ns monotonic monotonic_ns perf_counter perf_counter_ns"),
        (random, "random getrandbits choice choices randint uniform shuffle"),
        (os, "urandom"),
        (uuid, "uuid1 uuid4"),
        (SystemClock, "stamp_ns now"),
    ):
        for name in asked.split():
            monkeypatch.setattr(module, name, refused)
    again = tell_alone(seed)
    monkeypatch.undo()

    assert again.record() == told.record()


def test_planes_on_one_loop_do_not_disturb_each_other(seed: int, told: Told) -> None:
    async def together() -> list[Told]:
        return await asyncio.gather(*(told_by(each) for each in (seed, seed + 1, seed)))

    first, second, twin = run_virtual(together())

    assert first.record() == twin.record() == told.record()
    assert second.record() == tell_alone(seed + 1).record()


def test_hours_of_heartbeats_come_when_they_are_due_and_events_end_after_theirs(seed: int) -> None:
    minutes = 70
    told = 4 * 15 + 10 + 6 * NODE_COUNT  # of the pods that are made: nine, and one of the rest

    async def live(made: Plane) -> None:
        await made.run_controller("web", 15)
        await made.until(60)
        assert len(await made.events()) == told
        await made.until(3599)
        assert len(await made.events()) == told
        await made.until(60 * minutes)

        assert await made.events() == []
        assert {pod.status.phase for pod in await made.pods()} == {"Running"}
        now_s = made.clock.now().timestamp()
        assert now_s == EPOCH.timestamp() + 60 * minutes
        for node in await made.nodes():
            for condition in node.status.conditions:
                assert 0 <= now_s - condition.lastHeartbeatTime.seconds <= HEARTBEAT_S
                assert condition.lastTransitionTime.seconds == EPOCH.timestamp()
        beats = made.cluster.nodes.fleet.heartbeats.counts
        expected = NODE_COUNT * minutes * 60 // HEARTBEAT_S
        assert (beats.beats, beats.missed, beats.conflicts) == (expected, 0, 0)
        written = made.history.counts()["minions", "MODIFIED"]
        assert expected - NODE_COUNT <= written <= expected  # the first may say nothing new
        assert beats.late_ns_max == 0
        assert made.cluster.nodes.fleet.pods.counts.late_ns_max == 0

    async def scenario() -> None:
        async with plane(seed) as made:
            await live(made)

    run_virtual(scenario())
