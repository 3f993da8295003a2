"""What every subcommand promises (``commands.interface``), over the registry."""

from __future__ import annotations

import pytest

from bench.cli import build_parser, main
from bench.commands.interface import OK, USAGE
from bench.commands.registry import COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == OK

    said = capsys.readouterr().out
    assert said.startswith(f"usage: kubedyno {name}")
    assert COMMANDS[name].HELP


@pytest.mark.parametrize("name", COMMANDS)
def test_command_refuses_an_unknown_flag_in_one_line(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--no-such-flag"]) == USAGE

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("kubedyno: ")
    assert said.err.count("\n") == 1


def test_command_line_without_a_command_is_a_misuse(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == USAGE
    assert "COMMAND" in capsys.readouterr().err


def test_every_command_is_named_in_the_help() -> None:
    said = build_parser().format_help()

    assert [name for name in COMMANDS if name not in said] == []
