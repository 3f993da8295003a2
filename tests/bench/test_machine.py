from __future__ import annotations

from pathlib import Path

import pytest

from bench.machine import MachineTimes, read_machine
from bench.sampling import TICKS_PER_S
from tests.bench.test_sampling import write_process

COMMAND = 42


def write_machine(proc: Path, *seconds: float) -> None:
    ticks = " ".join(str(int(each * TICKS_PER_S)) for each in seconds)
    (proc / "stat").write_text(f"cpu  {ticks} 0 0\ncpu0 1 2 3\n", encoding="ascii")


def test_times_are_summed_by_what_they_are(tmp_path: Path) -> None:
    write_machine(tmp_path, 1, 2, 4, 8, 16, 32, 64, 128)
    write_process(tmp_path, COMMAND, user=TICKS_PER_S, system=TICKS_PER_S)

    found = read_machine(tmp_path, COMMAND)

    assert found == MachineTimes(busy_s=103.0, idle_s=24.0, stolen_s=128.0, command_s=2.0)


def test_a_command_that_is_gone_used_nothing(tmp_path: Path) -> None:
    write_machine(tmp_path, 1, 0, 0, 1, 0, 0, 0, 0)

    assert read_machine(tmp_path, COMMAND) == MachineTimes(1.0, 1.0, 0.0, 0.0)


@pytest.mark.parametrize("text", ["", "cpu 1 2 3\n", "intr 1 2 3 4 5 6 7 8 9\n"])
def test_a_machine_that_does_not_tell_has_no_times(tmp_path: Path, text: str) -> None:
    (tmp_path / "stat").write_text(text, encoding="ascii")

    assert read_machine(tmp_path, COMMAND) is None


def test_a_machine_without_proc_has_no_times(tmp_path: Path) -> None:
    assert read_machine(tmp_path / "none", COMMAND) is None
