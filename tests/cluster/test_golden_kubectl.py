"""Each kubectl command that was recorded against a real 1.36, against a whole cluster of ours."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cluster.kubelet.fleet import FleetOptions
from tests.cluster.kubectl import Kubectl, with_kubectl, write_files
from tests.cluster.kubectl_classes import BEFORE, CLEAR, DIFFERENT, OUT_OF_SCOPE, STANDING_IN
from tests.cluster.recorded_kubectl import Command, Outcome, Recording, outcome

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

EDITOR = '#!/bin/sh\nexec sed -i \'s/a: "1"/a: edited/\' "$1"\n'


async def run(kubectl: Kubectl, command: Command) -> Outcome:
    if not command.ended:
        said = await kubectl.try_(*command.words)
        return outcome(said.code, said.out, said.err)
    async with kubectl.following(*command.words) as following:
        count = 1 if command.told.out is None else len(command.told.out)
        lines = [await following.line() for _ in range(count)]
    return outcome(None, "\n".join(lines), "")


async def replay(kubectl: Kubectl, recording: Recording) -> dict[int, Outcome]:
    """Run all commands in their order; returns what each said."""
    said: dict[int, Outcome] = {}
    for command in recording.commands:
        for first in BEFORE.get(command.number, ()):
            await kubectl(*first.split())
        said[command.number] = await run(kubectl, command)
    return said


async def must_be_1_32(kubectl: Kubectl) -> None:
    """Skip with another kubectl, which words things otherwise; fails in CI."""
    told = json.loads((await kubectl("version", "-o", "json")).out)
    if not told["clientVersion"]["gitVersion"].startswith("v1.32."):
        if os.environ.get("CI") == "true":
            pytest.fail("kubectl is not 1.32")
        pytest.skip("kubectl is not 1.32")


def test_recorded_commands_say_the_same(program: str, tmp_path: Path) -> None:
    recording = Recording(STANDING_IN)
    editor = tmp_path / "editor"
    write_files(tmp_path, {"editor": EDITOR, **recording.files()})
    editor.chmod(0o755)
    said: dict[int, Outcome] = {}

    async def scenario(plain: Kubectl) -> None:
        await must_be_1_32(plain)
        kubectl = plain.with_tools(KUBE_EDITOR=str(editor)).in_namespace("k")
        said.update(await replay(kubectl, recording))

    with_kubectl(program, tmp_path, scenario, FleetOptions(nodes=1, first_node=1, name_prefix="kn"))

    told = {command.number: command for command in recording.commands}
    outside = frozenset().union(*OUT_OF_SCOPE.values())
    agreeing = {number for number in told if said[number].agrees(told[number].told)}
    assert agreeing == told.keys() - outside - DIFFERENT.keys(), [
        (told[number].text, told[number].told, said[number])
        for number in sorted(agreeing ^ (told.keys() - outside - DIFFERENT.keys()))
    ]
    for number in outside:
        assert said[number].code == 1, (told[number].text, said[number])
        assert CLEAR.search("\n".join(said[number].err)), (told[number].text, said[number])
    for number, difference in DIFFERENT.items():
        assert difference.explains(said[number], told[number].told), (
            told[number].text,
            told[number].told,
            said[number],
        )
    counts = (len(told), len(agreeing), len(outside), len(DIFFERENT))
    assert counts == (147, 85, 40, 22)
