"""Process death, a few rounds; ``python -m tests.storage.durability kill --rounds N`` does any."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.storage.durability.recording import REPOSITORY
from tests.storage.durability.subjects import SUBJECTS

ROUNDS = 24


@pytest.mark.slow
@pytest.mark.parametrize("store", SUBJECTS)
def test_acknowledged_writes_survive_sigkill_round_after_round(store: str) -> None:
    # A process of its own: it forks writers, and this one may have threads.
    command = [sys.executable, "-m", "tests.storage.durability", "--store", store]
    command += ["kill", "--rounds", str(ROUNDS)]

    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    found = re.match(r"(\d+) rounds .*?(\d+) writes acknowledged.*?(\d+) revisions", done.stdout)
    assert found is not None, done.stdout
    rounds, acknowledged, checked = map(int, found.groups())
    assert rounds == ROUNDS
    assert acknowledged > 100
    assert checked > 100
