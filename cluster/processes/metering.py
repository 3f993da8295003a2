"""``--attribution``: whether a process measures where its CPU goes, by layer."""

from __future__ import annotations

import argparse

from storage.attribution import OFF, Layers, Places


def add_attribution_argument(parser: argparse.ArgumentParser) -> None:
    """Add the switch; ``meter`` reads it back."""
    parser.add_argument(
        "--attribution",
        default="on",
        choices=("on", "off"),
        help="measure by sampling where the CPU goes, and tell it in the statistics",
    )


def meter(arguments: argparse.Namespace, places: Places, threads: str) -> Layers:
    """Return the meter that the command line asks for; to be called in the thread to be metered.

    ``threads`` is the layer of all other threads.
    """
    if arguments.attribution == "off":
        return OFF
    return Layers(places, threads=threads)
