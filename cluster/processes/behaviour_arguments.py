"""The command line's words for what hollow containers do."""

from __future__ import annotations

import argparse

from cluster.kubelet.behaviour import CRASH_SPAN, UNREADY_SPAN, Behaviour
from cluster.kubelet.durations import parse_span
from cluster.kubelet.latency import NONE, Latency


def add_behaviour_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options; none of them given, containers start and run. Pods may say otherwise."""
    span = "as 5s, or 1s:5s for evenly between"
    parser.add_argument(
        "--crash-probability",
        type=_probability,
        default=0.0,
        metavar="P",
        help="the part of containers' runs that fail",
    )
    parser.add_argument(
        "--crash-after", type=_span, default=CRASH_SPAN, help=f"how long such a run lasts: {span}"
    )
    parser.add_argument(
        "--run-for", type=_span, help=f"how long other runs last, which then end well: {span}"
    )
    parser.add_argument("--ready-after", type=_span, default=NONE, help="from start to readiness")
    parser.add_argument("--unready-every", type=_span, help="how long containers stay ready")
    parser.add_argument(
        "--unready-for", type=_span, default=UNREADY_SPAN, help="how long they are unready then"
    )
    parser.add_argument(
        "--init-run-for", type=_span, default=NONE, help="how long init containers run"
    )


def behaviour(arguments: argparse.Namespace) -> Behaviour:
    """Return what a parsed command line says."""
    return Behaviour(
        crash_probability=arguments.crash_probability,
        crash_after=arguments.crash_after,
        ready_after=arguments.ready_after,
        run_for=arguments.run_for,
        unready_every=arguments.unready_every,
        unready_for=arguments.unready_for,
        init_for=arguments.init_run_for,
    )


def _span(text: str) -> Latency:
    try:
        return parse_span(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _probability(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no probability")
    return value
