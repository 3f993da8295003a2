"""The flags of the switches and of what hollow containers do."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Final

import msgspec

from bench.results import Config
from bench.switches import SWITCHES, PodBehaviour, Switches, flag
from cluster.kubelet.durations import parse_span
from cluster.kubelet.latency import Latency

WATCH_WRITES: Final = ("transport", "asgi")
AXES: Final[Mapping[str, Sequence[str]]] = {
    "watch_write": WATCH_WRITES,
    **{name: switch.values for name, switch in SWITCHES.items()},
}
"""What a matrix can vary beside codec and store, and over what."""
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


def switch_values(text: str) -> tuple[str, list[str]]:
    """Parse ``kubelet-writes=put,patch`` into the switch's name and values."""
    said, _, listed = text.partition("=")
    name = said.strip().replace("-", "_")
    if name not in AXES:
        there = ", ".join(name.replace("_", "-") for name in AXES)
        raise argparse.ArgumentTypeError(f"no switch {said!r}; there are {there}")
    values = list(dict.fromkeys(value.strip() for value in listed.split(",") if value.strip()))
    wrong = [value for value in values if value not in AXES[name]]
    if wrong or not values:
        raise argparse.ArgumentTypeError(f"{said} is one or more of {', '.join(AXES[name])}")
    return name, values


def over_switches(config: Config, axes: Mapping[str, Sequence[str]]) -> list[Config]:
    """Return a config for every combination of the values of some switches."""
    configs = [config]
    for name, values in axes.items():
        configs = [_switched(each, name, value) for each in configs for value in values]
    return configs


def _switched(config: Config, name: str, value: str) -> Config:
    if name == "watch_write":
        return replace(config, watch_write=value)
    return replace(config, switches=replace(config.switches, **{name: value}))


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
