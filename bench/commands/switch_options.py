"""The flags of the switches and of what hollow containers do."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import fields
from typing import Final

import msgspec

from bench.switches import SWITCHES, PodBehaviour, Switches, flag
from cluster.kubelet.durations import parse_span
from cluster.kubelet.latency import Latency

BEHAVIOUR_HELP: Final = {
    "start_latency_ms": "until a pod runs: MS, or LOW:HIGH for evenly between",
    "terminate_latency_ms": "until a deleted pod is gone, likewise",
    "crash_probability": "the part of containers' runs that fail",
    "crash_after": "how long such a run lasts: as 5s, or 1s:5s",
    "run_for": "how long other runs last, which then end well",
    "ready_after": "from start to readiness",
    "unready_every": "how long containers stay ready",
    "unready_for": "how long they are unready then",
}


def add_switch_arguments(parser: argparse.ArgumentParser) -> None:
    """Add a flag for each switch and each behaviour, beside what every plane has."""
    switches = parser.add_argument_group("switches", "each departure is in the cell's name")
    for name, switch in SWITCHES.items():
        usual, *_ = switch.values
        switches.add_argument(
            flag(name),
            choices=switch.values,
            default=usual,
            help=f"{switch.help} (default: {usual})",
        )
    pods = parser.add_argument_group("what hollow containers do", "usually they start and run")
    for name, said in BEHAVIOUR_HELP.items():
        pods.add_argument(flag(name), type=_text_of(name), default="", metavar="X", help=said)


def chosen_switches(arguments: argparse.Namespace) -> Switches:
    """Return the switches that a parsed command line sets."""
    return msgspec.convert({name: getattr(arguments, name) for name in SWITCHES}, Switches)


def chosen_behaviour(arguments: argparse.Namespace) -> PodBehaviour:
    """Return the behaviour that a parsed command line sets."""
    names = [field.name for field in fields(PodBehaviour)]
    return msgspec.convert({name: getattr(arguments, name) for name in names}, PodBehaviour)


def _text_of(name: str) -> Callable[[str], str]:
    """Return a parser that keeps the text, so that results say it as it was given."""
    parse: Callable[[str], object] = parse_span
    if name.endswith("_ms"):
        parse = Latency.parse
    elif name == "crash_probability":
        parse = _probability

    def checked(text: str) -> str:
        try:
            if text:
                parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error
        return text

    return checked


def _probability(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1:
        raise ValueError("no probability above 0")
    return value
