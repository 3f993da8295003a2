"""``--attribution``: whether a process measures where its CPU goes, by layer."""

from __future__ import annotations

import argparse
from random import Random

from storage.attribution import OFF, Layers


def add_attribution_argument(parser: argparse.ArgumentParser) -> None:
    """Add the switch; ``meter`` reads it back."""
    parser.add_argument(
        "--attribution",
        default="on",
        choices=("on", "off"),
        help="measure on samples where the CPU goes, and tell it in the statistics",
    )


def meter(arguments: argparse.Namespace) -> Layers:
    """Return the meter that the command line asks for; to be called in the thread to be metered.

    What it samples has a source of chance of its own, so that on and off draw the same uids.
    """
    if arguments.attribution == "off":
        return OFF
    return Layers(Random(f"attribution/{arguments.seed}"))
