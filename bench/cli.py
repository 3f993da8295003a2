"""``kubedyno``: the command line. Exit codes are told in ``commands.interface``."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

from bench.commands.interface import ERROR, OK, USAGE, CommandError, UsageError
from bench.commands.registry import COMMANDS

DESCRIPTION = "A dynamometer for Kubernetes control planes."
INTERRUPTED = 130


class OneLineParser(argparse.ArgumentParser):
    """A parser whose complaints are one line, raised as UsageError."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message.replace("\n", " "))


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all subcommands."""
    parser = OneLineParser(prog="kubedyno", description=DESCRIPTION)
    parsers = parser.add_subparsers(
        dest="command", metavar="COMMAND", required=True, parser_class=OneLineParser
    )
    for name, command in COMMANDS.items():
        below = parsers.add_parser(name, help=command.HELP, description=command.HELP)
        command.configure(below)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Do what the command line says; return the exit code."""
    try:
        arguments = build_parser().parse_args(argv)
        return COMMANDS[arguments.command].execute(arguments)
    except UsageError as error:
        sys.stderr.write(f"kubedyno: {error} (see kubedyno --help)\n")
        return USAGE
    except (CommandError, OSError) as error:  # OSError: a file that is not there, a full disk
        sys.stderr.write(f"kubedyno: {error}\n")
        return ERROR
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as stop:  # argparse, after it printed its help
        return OK if stop.code in (0, None) else USAGE


if __name__ == "__main__":
    sys.exit(main())
