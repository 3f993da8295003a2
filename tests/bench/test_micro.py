"""The codec suite: a benchmark for everything in the table, each doing what its name says."""

from __future__ import annotations

import asyncio
import json
import os
import select
import sys
from pathlib import Path
from typing import cast

import pytest
from google.protobuf.message import Message

from bench.micro import store_steps, store_suite
from bench.micro.codec_suite import Case, cases, encoded, message_of, operation, timed
from bench.micro.shapes import LIST_LENGTH, SHAPES, pod_list, running_pod
from bench.micro.suites import SUITES, run_alone
from bench.micro.wire import WIRES
from serialization.codecs.registry import CODECS
from storage.registry import STORES

QUICK = [case for case in cases() if not case.shape.startswith("list")]


def test_every_codec_has_every_shape_both_ways() -> None:
    typed = {case for case in cases() if case.level == "typed"}

    assert typed == {
        Case(codec, "typed", direction, shape)
        for codec in CODECS
        for direction in ("encode", "decode")
        for shape in SHAPES
    }
    assert {case.codec for case in cases() if case.level == "wire"} == set(WIRES)


@pytest.mark.parametrize("case", QUICK, ids=lambda case: case.name)
def test_a_case_does_what_its_name_says(case: Case) -> None:
    made = operation(case)()

    if case.direction == "encode":
        assert _equal(case.codec, cast("bytes", made), encoded(case.codec, case.shape))
    elif isinstance(made, Message):
        # Fields that JSON always writes are present after it, absent before: so equal in JSON.
        assert _plain(made) == _plain(message_of(case.shape))
    else:
        assert made == json.loads(encoded(case.codec, case.shape))
    assert timed(2, case) > 0


def _plain(message: Message) -> object:
    return json.loads(CODECS["json"].encode_bare(message))


def _equal(codec: str, left: bytes, right: bytes) -> bool:
    if codec == "protobuf":
        return sorted(left) == sorted(right)  # maps have no order on the wire
    return bool(json.loads(left) == json.loads(right))


def test_the_running_pod_is_of_realistic_size() -> None:
    assert 2000 < len(CODECS["json"].encode_bare(running_pod())) < 3000
    assert 800 < len(CODECS["protobuf"].encode_bare(running_pod())) < 1500


def test_the_list_holds_pods_of_names_of_their_own() -> None:
    items = pod_list().items

    assert len({item.metadata.uid for item in items}) == LIST_LENGTH


@pytest.mark.parametrize("name", sorted(SUITES))
def test_a_suite_names_a_module_to_run(name: str) -> None:
    assert SUITES[name].startswith("bench.micro.")


@pytest.mark.parametrize("case", store_suite.cases(), ids=lambda case: case.name)
def test_a_case_of_the_store_suite_runs(case: store_suite.Case) -> None:
    assert store_suite.timed(2, case) > 0


async def _stepped(engine: str, operation: str, directory: Path) -> tuple[int, int]:
    """Return by how much a step moved the revision, and what watches were told."""
    async with store_steps.BENCHES[engine](engine, directory) as bench:
        await bench.fill()
        before = bench.revision()
        await store_suite.OPERATIONS[operation](bench)()
        return bench.revision() - before, bench.heard


@pytest.mark.parametrize("engine", sorted(STORES))
@pytest.mark.parametrize(
    ("operation", "written"), list(zip(store_suite.OPERATIONS, (1, 64, 1, 0, 0, 1), strict=True))
)
def test_a_step_of_the_store_suite_does_what_its_name_says(
    engine: str, operation: str, written: int, tmp_path: Path
) -> None:
    moved, heard = asyncio.run(_stepped(engine, operation, tmp_path))

    assert moved == written
    assert heard == (store_steps.WATCHES if operation.endswith("watches") else 0)


def test_what_a_step_of_the_store_suite_holds_is_what_it_writes() -> None:
    held = {name: store_suite.IN_A_STEP.get(name, 1) for name in store_suite.OPERATIONS}

    assert {name: count for name, count in held.items() if count > 1} == {"put, 64 at once": 64}


INTERRUPTING = """
import os, pathlib, signal, subprocess, sys, time
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
pathlib.Path(sys.argv[1]).write_text(str(worker.pid))
os.kill(os.getppid(), signal.SIGINT)
time.sleep(60)
"""


@pytest.mark.slow
def test_a_suite_that_is_interrupted_leaves_no_worker(tmp_path: Path) -> None:
    file = tmp_path / "pid"

    with pytest.raises(KeyboardInterrupt):
        run_alone([sys.executable, "-c", INTERRUPTING, str(file)], dict(os.environ))

    assert _ends(int(file.read_text()))


def _ends(pid: int) -> bool:
    """Say whether a process that was killed has come to its end."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return process in select.select([process], [], [], 10)[0]
    finally:
        os.close(process)
