"""What a subcommand is."""

from __future__ import annotations

import argparse
from typing import Final, Protocol

OK: Final = 0
ERROR: Final = 1
USAGE: Final = 2
VOID: Final = 3
MISSED: Final = 4
"""Exit codes: done (degraded: with a warning), failed, misused, the run is void, a service level
was missed."""


class UsageError(Exception):
    """The command line asks for something that makes no sense; the message is one line."""


class CommandError(Exception):
    """The command could not be carried out; the message is for people."""


class Command(Protocol):
    """A subcommand: a module with these, in ``registry``."""

    @property
    def HELP(self) -> str:  # noqa: N802  it is a module's constant
        """What it does, in a line."""
        ...

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add its arguments."""
        ...

    def execute(self, arguments: argparse.Namespace) -> int:
        """Do it; return the exit code. Raises UsageError, CommandError."""
        ...
